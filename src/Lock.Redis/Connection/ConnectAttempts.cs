using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking;

/// <summary>What became of a client's attempts to connect, server by server: the client's own exception is a summary without a
/// reason.</summary>
internal sealed class ConnectAttempts
{
    /// <summary>The client tells of an attempt on another thread than the one that gives up: it may come a moment later.</summary>
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<EndPoint, Exception> _failures = new();
    private readonly ConcurrentDictionary<EndPoint, bool> _unreachable = new();
    private readonly TaskCompletionSource _allUnreachable = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _servers;
    private volatile SslPolicyErrors _distrust;

    /// <summary>Listens to a client that is about to connect.</summary>
    public ConnectAttempts(ConfigurationOptions options)
    {
        // Whom Sentinel names is not known here.
        _servers = string.IsNullOrEmpty(options.ServiceName) ? options.EndPoints.Count : int.MaxValue;
        options.ConnectionAttemptCompleted += OnAttempt;
    }

    /// <summary>Completes when the system let none of the servers be reached: no such name, nothing listens, no such socket.</summary>
    public Task AllUnreachable => _allUnreachable.Task;

    /// <summary>What was wrong with a server's certificate that was refused.</summary>
    public SslPolicyErrors Distrust => _distrust;

    /// <summary>The most telling reason; null when none was given.</summary>
    public Exception? Cause =>
        _failures.Values.FirstOrDefault(static failure => failure is RedisServerException) ?? _failures.Values.FirstOrDefault();

    /// <summary>Waits a moment for the first reason.</summary>
    public async Task SettleAsync(TimeProvider time) =>
        await _first.Task.WaitAsync(s_moment, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private void OnAttempt(object? sender, ConnectionAttemptCompletedEventArgs attempt)
    {
        if (attempt is not { IsSuccess: false, Exception: { } failure, EndPoint: { } endPoint })
            return;
        if (attempt is { ServerCertificateAccepted: false, ServerCertificatePolicyErrors: { } errors })
            _distrust |= errors;
        _failures[endPoint] = failure;
        _first.TrySetResult();
        if (attempt.Stage != ConnectionAttemptStage.Connect || failure is not SocketException)
            return;
        _unreachable[endPoint] = true;
        if (_unreachable.Count >= _servers)
            _allUnreachable.TrySetResult();
    }
}
