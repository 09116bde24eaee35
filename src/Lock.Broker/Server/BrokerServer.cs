using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>The lock server: speaks the live-mutex protocol, and our own messages on the same lines, over a Unix socket, TCP, or both.</summary>
/// <remarks>
/// <para>No thread is blocked per connection, and a bad line, a slow reader or a client that dies never harms another client.</para>
/// <para>
/// A lock is given up early only when its client closed the connection itself; when a connection breaks, its leases stand until their TTL.
/// A broker that comes back, however the one before has ended, holds each lock for whom it was granted to, until that lease has ended.
/// </para>
/// </remarks>
public sealed partial class BrokerServer : IAsyncDisposable
{
    /// <summary>Holders of leases without expiry that are not on record have this long to come back to a broker that starts.</summary>
    internal static readonly TimeSpan PermanentWait = TimeSpan.FromSeconds(30);

    /// <summary>What a published client whose connection broke leaves behind without an end stands for so long.</summary>
    internal static readonly TimeSpan AfterBreak = TimeSpan.FromSeconds(30);

    /// <summary>A broker that cannot see whether another one lives, whose files were removed, grants nothing for so long: that one looks for them each second.</summary>
    private static readonly TimeSpan _blindPause = TimeSpan.FromSeconds(2);

    /// <summary>The longest lease, in milliseconds: 10,000 days.</summary>
    internal const long LongestTtl = 10_000L * 24 * 60 * 60 * 1000;

    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly HashSet<ClientSession> _sessions = [];
    private readonly BrokerListener _listener;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ServingThread? _serving;
    private ITimer? _housekeeping;
    private long _idleSince;
    private bool _closing;
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
        context ??= LockProviderContext.Default;
        TimeProvider = context.TimeProvider;
        _logger = context.LoggerFactory.CreateLogger("Locking.Broker");
        Table = new LockTable(TimeProvider);
        Records = new RecordKeeper(this, _logger);
        Pause = new StartPause(this, _logger);
        _listener = new BrokerListener(options, TimeProvider, _logger, Admit);
        if (options.Path is null && options.Host is null)
            throw new ArgumentException("A broker needs a path (Unix socket) or a host (TCP) to listen on.", nameof(options));
        if (options.Host is not null && options.Secret is null && !options.Insecure && !IsLoopback(options.Host))
        {
            throw new ArgumentException($"Host '{options.Host}' lets other machines in: give a secret (--secret-file, or "
                + "LOCK_BROKER_SECRET). Without one the host may be localhost or another address of the loopback; Insecure (--insecure) "
                + "allows everybody who can reach the port to take and break locks.", nameof(options));
        }
    }

    /// <summary>The options it was made with.</summary>
    public BrokerServerOptions Options { get; }

    /// <summary>The TCP port in use, or 0 when it does not listen by TCP.</summary>
    public int Port => _listener.Port;

    /// <summary>Completes when the broker has ended: disposed, or idle for long enough.</summary>
    public Task Completion => _completion.Task;

    /// <summary>How many clients are connected.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_gate)
                return _sessions.Count;
        }
    }

    internal LockTable Table { get; }

    /// <summary>What is on record for the next broker.</summary>
    internal RecordKeeper Records { get; }

    /// <summary>The time in which nothing is granted yet.</summary>
    internal StartPause Pause { get; }

    /// <summary>How it hears of its connections; for tests of what other systems use.</summary>
    internal Func<Arrivals> NewArrivals { get; init; } = Arrivals.Create;

    /// <summary>What is weak about the way this broker runs: words of <see cref="StatusWords"/> with spaces between them, or empty.</summary>
    internal string Weaknesses
    {
        get
        {
            List<string> words = [];
            if (Options is { Host: { } host, Secret: null } && !IsLoopback(host))
                words.Add(StatusWords.Open);
            if (Records.IsLacking)
                words.Add(StatusWords.NoState);
            if (_listener.IsPassedOver)
                words.Add(StatusWords.Unguarded);
            return string.Join(' ', words);
        }
    }

    /// <summary>Whether the path is guarded by a socket without a file; for tests of what other systems use.</summary>
    internal bool UsesGuard
    {
        init => _listener = new BrokerListener(Options, TimeProvider, _logger, Admit) { UsesGuard = value };
    }

    internal TimeProvider TimeProvider { get; }

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

            // The port first: where another broker has it, that one's state is not touched.
            if (Options.Host is not null)
                _listener.ListenTcp(Options.Host);
            var pause = Records.Open(RecordPath(), isDurable: Options.Host is not null && !IsLoopback(Options.Host));
            if (_listener.IsBlind)
            {
                Records.PauseAll(_blindPause);
                pause = pause > _blindPause ? pause : _blindPause;
            }

            Pause.Begin(pause);
            if (Options.Path is not null)
                _listener.ListenAtPath(Options.Path);
            _serving = new ServingThread(NewArrivals(), Records.IsDurable);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Win32Exception or ArgumentException)
        {
            var where = Where();
            CloseFiles();
            throw new LockStoreException($"The broker cannot listen on {where}: {e.Message}", isTransient: false, e) { MayHaveBeenApplied = false };
        }
        catch
        {
            CloseFiles();
            throw;
        }

        _idleSince = TimeProvider.GetTimestamp();
        _housekeeping = TimeProvider.CreateTimer(static s => ((BrokerServer)s!).KeepHouse(), this, HousekeepingPeriod, HousekeepingPeriod);
        _listener.Begin();
        LogListening(Where(), Pause.Left);
        return true;
    }

    /// <summary>Stops listening and closes every connection. Leases that live are not announced as lost: a client whose broker goes
    /// away keeps its lease until its validity ends, and a broker that follows serves reclaims first.</summary>
    public ValueTask DisposeAsync() => new(StopAsync());

    private static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

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

    private void Admit(Socket socket)
    {
        if (socket.AddressFamily != AddressFamily.Unix)
            socket.NoDelay = true;
        ClientSession session;
        if (IsNearlyOutOfDescriptors(socket))
        {
            socket.Dispose();
            return;
        }

        lock (_gate)
        {
            if (_closing || _sessions.Count >= Options.Limits.Connections)
            {
                socket.Dispose();
                return;
            }

            session = new ClientSession(this, socket);
            _sessions.Add(session);
        }

        _serving!.Add(session);
    }

    private Task StopAsync()
    {
        lock (_gate)
        {
            _closing = true;
            return _stop ??= StopCoreAsync();
        }
    }

    private async Task StopCoreAsync()
    {
        await Task.Yield();
        if (_housekeeping is not null)
            await _housekeeping.DisposeAsync().ConfigureAwait(false);
        await _listener.StopAcceptingAsync().ConfigureAwait(false);
        ClientSession[] sessions;
        lock (_gate)
            sessions = [.. _sessions];
        foreach (var session in sessions)
            session.Cut();
        if (_serving is not null)
            await _serving.StopAsync().ConfigureAwait(false);
        Table.Dispose();
        var where = Where();

        // The record before the place: whoever has the place next reads it.
        Records.Close();
        await _listener.DisposeAsync().ConfigureAwait(false);
        LogEnded(where);
        _completion.TrySetResult();
    }

    private void CloseFiles()
    {
        Records.Close();
        _listener.GiveUp();
    }
}
