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

    /// <summary>The longest lease, in milliseconds: 10,000 days.</summary>
    internal const long LongestTtl = 10_000L * 24 * 60 * 60 * 1000;

    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly HashSet<ClientSession> _sessions = [];
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _loops = [];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private ServingThread? _serving;
    private FileStream? _lockFile;
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
    public int Port { get; private set; }

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
            var isOpen = Options is { Host: { } host, Secret: null } && !IsLoopback(host);
            return (isOpen, Records.IsLacking) switch
            {
                (true, true) => $"{StatusWords.Open} {StatusWords.NoState}",
                (true, false) => StatusWords.Open,
                (false, true) => StatusWords.NoState,
                (false, false) => "",
            };
        }
    }

    internal TimeProvider TimeProvider { get; }

    /// <summary>Begins to listen.</summary>
    /// <returns>False when another broker lives at the same Unix socket: nothing was done, and clients find that one.</returns>
    /// <exception cref="LockStoreException">It cannot listen there; the message names the path or port and what is wrong.</exception>
    public bool TryStart()
    {
        try
        {
            if (Options.Path is not null && !TryTakeSocketPath(Options.Path))
                return false;
            // The port first: where another broker has it, that one's state is not touched.
            if (Options.Host is not null)
                ListenTcp(Options.Host);
            Pause.Begin(Records.Open(RecordPath(), isDurable: Options.Host is not null && !IsLoopback(Options.Host)));
            if (Options.Path is not null)
                Listen(new UnixDomainSocketEndPoint(Options.Path), Options.Path);
            _serving = new ServingThread(NewArrivals(), Records.IsDurable);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Win32Exception or ArgumentException)
        {
            var where = Where();
            CloseFiles();
            Port = 0;
            throw new LockStoreException($"The broker cannot listen on {where}: {e.Message}", isTransient: false, e) { MayHaveBeenApplied = false };
        }
        catch
        {
            CloseFiles();
            throw;
        }

        _idleSince = TimeProvider.GetTimestamp();
        _housekeeping = TimeProvider.CreateTimer(static s => ((BrokerServer)s!).KeepHouse(), this, HousekeepingPeriod, HousekeepingPeriod);
        lock (_gate)
        {
            foreach (var listener in _listeners)
                _loops.Add(AcceptAsync(listener));
        }

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

    /// <summary>
    /// One broker per path: whoever holds the lock file is it, and only it may remove a socket that a dead one left behind. The lock file
    /// itself is never removed, since two starters could then hold two different files of the same name.
    /// </summary>
    private bool TryTakeSocketPath(string path)
    {
        SocketDirectory.Prepare(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (Directory.Exists(path))
            throw new IOException($"'{path}' is a directory, not a socket.");
        if (new FileInfo(path) is { Exists: true, Length: > 0 })
            throw new IOException($"'{path}' is a file, not a socket; it is not replaced.");
        try
        {
            _lockFile = FileLock.Take(path + ".lock");
        }
        catch (IOException e) when (FileLock.IsTaken(e))
        {
            return false;
        }

        File.Delete(path);
        return true;
    }

    private void ListenTcp(string host)
    {
        var addresses = IPAddress.TryParse(host, out var address) ? [address] : Dns.GetHostAddresses(host);
        foreach (var one in addresses)
        {
            Listen(new IPEndPoint(one, Port == 0 ? Options.Port : Port), null);
            Port = ((IPEndPoint)_listeners[^1].LocalEndPoint!).Port;
        }
    }

    private void Listen(EndPoint endPoint, string? path)
    {
        var listener = new Socket(endPoint.AddressFamily, SocketType.Stream, path is null ? ProtocolType.Tcp : ProtocolType.Unspecified);
        _listeners.Add(listener);
        listener.Bind(endPoint);
        if (path is not null && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        listener.Listen(1024);
    }

    private async Task AcceptAsync(Socket listener)
    {
        var hasFailed = false;
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
            {
                // Another listener has taken its place.
                return;
            }
            catch (SocketException e)
            {
                // Out of file descriptors, or a client that was gone before it was taken: the others must still come in.
                if (!hasFailed)
                    LogAcceptFailed(e);
                hasFailed = true;
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider, CancellationToken.None).ConfigureAwait(false);
                continue;
            }

            hasFailed = false;
            try
            {
                Admit(socket);
            }
            catch (Exception e)
            {
                // It may have broken before it was taken. Whatever it was: the others must still come in.
                LogAcceptFailed(e);
                socket.Dispose();
            }
        }
    }

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
        await _stopping.CancelAsync().ConfigureAwait(false);
        ClientSession[] sessions;
        lock (_gate)
            sessions = [.. _sessions];
        foreach (var session in sessions)
            session.Cut();
        if (_serving is not null)
            await _serving.StopAsync().ConfigureAwait(false);
        Table.Dispose();
        RemoveSocket();
        CloseFiles();
        await Task.WhenAll(_loops).ConfigureAwait(false);
        _stopping.Dispose();
        LogEnded(Where());
        _completion.TrySetResult();
    }

    /// <summary>A directory that is gone must not keep the broker from its end. The record stays as it is: what lives, lives on.</summary>
    private void RemoveSocket()
    {
        try
        {
            if (_lockFile is not null && Options.Path is not null)
                File.Delete(Options.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is gone with its directory, or the next broker removes it.
        }
    }

    private void CloseFiles()
    {
        foreach (var listener in _listeners)
            listener.Dispose();
        Records.Close();
        _lockFile?.Dispose();
        _lockFile = null;
    }
}
