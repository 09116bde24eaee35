using System.ComponentModel;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>The lock server: speaks the live-mutex protocol, and our own messages on the same lines, over a Unix socket, TCP, or
/// both.</summary>
/// <remarks>
/// <para>No thread is blocked per connection, and a bad line, a slow reader or a client that dies never harms another client.</para>
/// <para>
/// A lock is given up early only when its client closed the connection itself; when a connection breaks, its leases stand until their TTL.
/// A broker that comes back, however the one before has ended, holds each lock for whom it was granted to, until that lease has ended.
/// </para>
/// </remarks>
public sealed partial class BrokerServer : IAsyncDisposable
{
    /// <summary>A broker that cannot see whether another one lives, whose files were removed, grants nothing for so long: that one looks
    /// for them each second.</summary>
    private static readonly TimeSpan s_blindPause = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_filesPeriod = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeProvider _time;
    private readonly BrokerListener _listener;
    private readonly BrokerLocks _locks;
    private readonly DescriptorReserve _descriptors;
    private readonly ClientSessions _sessions;
    private readonly Housekeeping _housekeeping;
    private readonly IProtocol[] _protocols;
    private long _filesSeenAt;
    private Task? _stop;

    /// <summary>Creates a broker that does not listen yet.</summary>
    /// <param name="options">Where to listen, and limits.</param>
    /// <param name="context">Clock and logs; null for the system's clock and no logs.</param>
    /// <exception cref="ArgumentException">Neither a path nor a host, or a host beyond the loopback with neither secret nor
    /// <see cref="BrokerServerOptions.Insecure"/>.</exception>
    public BrokerServer(BrokerServerOptions options, LockProviderContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        if (options.Path is null && options.Host is null)
            throw new ArgumentException("A broker needs a path (Unix socket) or a host (TCP) to listen on.", nameof(options));
        if (options.Host is not null && options.Secret is null && !options.Insecure && !IsLoopback(options.Host))
        {
            throw new ArgumentException($"Host '{options.Host}' lets other machines in: give a secret (--secret-file, or "
                + "LOCK_BROKER_SECRET). Without one the host may be localhost or another address of the loopback; Insecure (--insecure) "
                + "allows everybody who can reach the port to take and break locks.", nameof(options));
        }

        context ??= LockProviderContext.Default;
        _time = context.TimeProvider;
        _logger = context.LoggerFactory.CreateLogger("Locking.Broker");
        LockTable table = new(_time);
        _locks = new BrokerLocks(
            table, new RecordKeeper(_time, _logger), new StartPause(table, _time, options.Limits.WaitersPerKey, _logger), options.Limits);
        _descriptors = new DescriptorReserve(_logger);
        _protocols = [new OwnProtocol(_locks, Weaknesses), new PublishedProtocol(_locks, options, () => ConnectionCount)];
        _sessions = new ClientSessions(options, _locks, _descriptors, _time, _logger) { Protocols = _protocols };
        _listener = new BrokerListener(options, _time, _logger, _sessions.Admit);
        _housekeeping = new Housekeeping(_time, _logger, KeepHouse);
    }

    /// <summary>The options it was made with.</summary>
    public BrokerServerOptions Options { get; }

    /// <summary>The TCP port in use, or 0 when it does not listen by TCP.</summary>
    public int Port => _listener.Port;

    /// <summary>Completes when the broker has ended: disposed, or idle for long enough.</summary>
    public Task Completion => _completion.Task;

    /// <summary>How many clients are connected.</summary>
    public int ConnectionCount => _sessions.Count;

    /// <summary>What is held and waited for.</summary>
    internal BrokerLocks Locks => _locks;

    /// <summary>Who is connected.</summary>
    internal ClientSessions Sessions => _sessions;

    /// <summary>How many files the process may have open; for tests.</summary>
    internal Func<long?> DescriptorLimit
    {
        init => _descriptors.Limit = value;
    }

    /// <summary>How it hears of its connections; for tests of what other systems use.</summary>
    internal Func<Arrivals> NewArrivals { get; init; } = ServingThread.SystemArrivals;

    /// <summary>Whether the path is guarded by a socket without a file; for tests of what other systems use.</summary>
    internal bool UsesGuard
    {
        init => _listener = new BrokerListener(Options, _time, _logger, _sessions.Admit) { UsesGuard = value };
    }

    /// <summary>Begins to listen.</summary>
    /// <returns>False when another broker lives at the same Unix socket: nothing was done, and clients find that one.</returns>
    /// <exception cref="LockStoreException">It cannot listen there; the message names the path or port and what is wrong.</exception>
    public bool TryStart()
    {
        try
        {
            if (Options.Path is not null && !_listener.TryTakePath(Options.Path))
            {
                CloseFiles();
                return false;
            }

            Begin();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Win32Exception or ArgumentException)
        {
            string where = Where();
            CloseFiles();
            throw new LockStoreException($"The broker cannot listen on {where}: {e.Message}", isTransient: false, e)
            {
                MayHaveBeenApplied = false,
            };
        }
        catch
        {
            CloseFiles();
            throw;
        }

        _housekeeping.Begin();
        _listener.Begin();
        LogListening(Where(), _locks.Pause.Left);
        return true;
    }

    /// <summary>Stops listening and closes every connection. Leases that live are not announced as lost: a client whose broker goes
    /// away keeps its lease until its validity ends, and a broker that follows serves reclaims first.</summary>
    public ValueTask DisposeAsync() => new(StopAsync());

    private static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));

    private string RecordPath()
    {
        if (Options.StatePath is not null)
            return Options.StatePath;
        if (Options.Path is not null)
            return Options.Path + ".record";
        if (Options.Port == 0)
            return "";
        SocketDirectory.Prepare(BrokerPaths.DefaultDirectory);
        return Path.Combine(BrokerPaths.DefaultDirectory, $"broker-{Options.Port}.record");
    }

    private string Where() => (Options.Path, Options.Host) switch
    {
        (null, _) => $"{Options.Host}:{(Port == 0 ? Options.Port : Port)}",
        (_, null) => $"'{Options.Path}'",
        _ => $"'{Options.Path}' and {Options.Host}:{(Port == 0 ? Options.Port : Port)}",
    };

    /// <summary>What is weak about the way this broker runs: words of <see cref="StatusWords"/> with spaces between them, or
    /// empty.</summary>
    private string Weaknesses()
    {
        List<string> words = [];
        if (Options is { Host: { } host, Secret: null } && !IsLoopback(host))
            words.Add(StatusWords.Open);
        if (_locks.Records.IsLacking)
            words.Add(StatusWords.NoState);
        if (_listener.IsPassedOver)
            words.Add(StatusWords.Unguarded);
        return string.Join(' ', words);
    }

    private void Begin()
    {
        // The port first: where another broker has it, that one's state is not touched.
        if (Options.Host is not null)
            _listener.ListenTcp(Options.Host);
        bool isDurable = Options.Host is not null && !IsLoopback(Options.Host);
        TimeSpan pause = _locks.Records.Open(RecordPath(), isDurable, _locks.Table, Restore);
        if (_listener.IsBlind)
        {
            _locks.Records.PauseAll(s_blindPause);
            pause = pause > s_blindPause ? pause : s_blindPause;
        }

        _locks.Pause.Begin(pause);
        if (Options.Path is not null)
            _listener.ListenAtPath(Options.Path);
        _sessions.Begin(NewArrivals());
    }

    /// <summary>Puts a lease back that is on record.</summary>
    private BrokerClaim? Restore(RecordedLease lease, TimeSpan remaining)
    {
        BrokerClaim? claim = null;
        _ = Array.Exists(_protocols, protocol => protocol.TryRestore(lease, remaining, out claim));
        return claim;
    }

    private void KeepHouse(long now)
    {
        _locks.Pause.EndWhenDue();
        foreach (IProtocol protocol in _protocols)
            protocol.KeepHouse(now);
        _sessions.KeepHouse(now);
        if (_time.GetElapsedTime(_filesSeenAt, now) >= s_filesPeriod)
        {
            _filesSeenAt = now;
            KeepFiles();
        }

        _locks.Records.KeepHouse();
        if (Options.IdleExit is { } idle && !_locks.Pause.IsOn && _sessions.TryCloseIdle(idle))
        {
            LogIdle(idle);
            _ = StopAsync();
        }
    }

    /// <summary>Makes anew what somebody has removed, or gives way to a broker that has begun there.</summary>
    private void KeepFiles()
    {
        if (_listener.Keep())
        {
            _locks.Records.MakeAnewWhereGone();
            return;
        }

        LogReplaced(Options.Path!);
        _ = StopAsync();
    }

    private Task StopAsync()
    {
        _housekeeping.Stop();
        _sessions.Close();
        lock (_gate)
            return _stop ??= StopCoreAsync();
    }

    private async Task StopCoreAsync()
    {
        await Task.Yield();
        await _housekeeping.DisposeAsync().ConfigureAwait(false);
        await _listener.StopAcceptingAsync().ConfigureAwait(false);
        await _sessions.StopAsync().ConfigureAwait(false);
        _locks.Table.Dispose();
        string where = Where();

        // The record before the place: whoever has the place next reads it.
        _locks.Records.Close();
        await _listener.DisposeAsync().ConfigureAwait(false);
        LogEnded(where);
        _completion.TrySetResult();
    }

    private void CloseFiles()
    {
        _locks.Records.Close();
        _listener.GiveUp();
    }

    [LoggerMessage(1, LogLevel.Information, "The broker listens on {Where}; anything may be held that it does not know of for {Wait}.")]
    private partial void LogListening(string where, TimeSpan wait);

    [LoggerMessage(2, LogLevel.Information, "The broker on {Where} has ended.")]
    private partial void LogEnded(string where);

    [LoggerMessage(6, LogLevel.Information, "No connection and no lock for {Idle}: the broker ends.")]
    private partial void LogIdle(TimeSpan idle);

    [LoggerMessage(17, LogLevel.Error, "Another broker has begun at '{Path}', whose files were removed: this one ends, and its clients "
        + "go there.")]
    private partial void LogReplaced(string path);
}
