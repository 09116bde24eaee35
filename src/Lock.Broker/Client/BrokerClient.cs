using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Keeps one connection to the broker: connects, starts a broker where that is asked for, and after a broken connection
/// reclaims what is held and asks again for what waits.</summary>
internal sealed partial class BrokerClient : IAsyncDisposable
{
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _longestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _launchPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _shortestTry = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly Dictionary<long, PendingAnswer> _waiting = [];
    private readonly CancellationTokenSource _disposing = new();
    private readonly ILogger _logger;
    private readonly TimeSpan _connectTimeout;
    private readonly bool _noDelay;
    private readonly BrokerLauncher? _launcher;
    private BrokerConnection? _connection;
    private Task<OpenConnection>? _connecting;
    private long _lastNumber;
    private bool _isReturning;
    private bool _isDisposed;
    private bool _warned;

    public BrokerClient(BrokerLockSettings? connection, BrokerLauncher launcher, LockProviderContext context)
    {
        Address = BrokerAddress.Of(connection);
        Secret = connection?.Secret;
        Time = context.TimeProvider;
        CommandTimeout = connection?.CommandTimeout ?? TimeSpan.FromSeconds(2);
        _connectTimeout = connection?.ConnectTimeout ?? TimeSpan.FromSeconds(3);
        _noDelay = connection?.NoDelay ?? true;
        _logger = context.LoggerFactory.CreateLogger("Locking.Broker");
        Leases = new HeldLeases(Time);
        if (connection?.Launch == true)
        {
            if (!Address.IsLocal)
                throw new LockConfigException("connection.launch", $"connection.launch is true, but the broker at {Address} would be on another machine: start it there.");
            _launcher = launcher;
        }
    }

    /// <summary>Raised for each lease that the broker has taken away.</summary>
    public event Action<StoreLoss>? Lost;

    public BrokerAddress Address { get; }

    public bool NoDelay => _noDelay;

    public string? Secret { get; }

    public TimeProvider Time { get; }

    public TimeSpan CommandTimeout { get; }

    /// <summary>After this time without a word, a connection with waiting requests is tried.</summary>
    public static TimeSpan QuietTime => TimeSpan.FromSeconds(5);

    public TimeSpan WatchPeriod => TimeSpan.FromTicks(Math.Clamp(CommandTimeout.Ticks / 8, TimeSpan.TicksPerMillisecond * 5, TimeSpan.TicksPerSecond));

    public HeldLeases Leases { get; }

    public long NextNumber() => Interlocked.Increment(ref _lastNumber);

    public void OnLost(StoreLoss loss) => Lost?.Invoke(loss);

    /// <summary>The connection; made now if there is none.</summary>
    /// <exception cref="LockStoreException">There is no broker, or it refuses this client.</exception>
    public ValueTask<OpenConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        Task<OpenConnection> connecting;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(BrokerLockStore));
            if (_connection is { HasEnded: false } connection)
                return new ValueTask<OpenConnection>(new OpenConnection(connection));
            connecting = _connecting ??= DetachedFlow.Start(() => Task.Run(EstablishAsync, CancellationToken.None));
        }

        // When all who wait have given up, nobody else looks at its fault.
        _ = connecting.ContinueWith(static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

        return new ValueTask<OpenConnection>(connecting.WaitAsync(cancellationToken));
    }

    /// <summary>A request that waits in the broker's queue: asked again on the next connection when this one breaks.</summary>
    public void Enlist(PendingAnswer waiter)
    {
        lock (_gate)
            _waiting[waiter.Number] = waiter;
    }

    public void Delist(PendingAnswer waiter)
    {
        BrokerConnection? connection;
        lock (_gate)
        {
            _waiting.Remove(waiter.Number);
            connection = _connection;
        }

        if (!waiter.IsAnswered)
            connection?.Forget(waiter);
    }

    /// <summary>The current connection, or null while there is none.</summary>
    public BrokerConnection? Current
    {
        get
        {
            lock (_gate)
                return _connection;
        }
    }

    public void OnEnded(BrokerConnection connection, string why)
    {
        if (connection.IsPublished)
            LoseAll();
        lock (_gate)
        {
            // A request that found it ended may have made the next one already.
            if (_connection is { } current && current != connection)
                return;
            _connection = null;
            if (_disposing.IsCancellationRequested || (_waiting.Count == 0 && Leases.Living().Count == 0))
                return;
            if (!_isReturning)
            {
                _isReturning = true;
                _ = DetachedFlow.Start(() => Task.Run(ReturnAsync, CancellationToken.None));
            }
        }

        LogBroken(Address, why);
    }

    public async ValueTask DisposeAsync()
    {
        BrokerConnection? connection;
        PendingAnswer[] waiting;
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            (connection, _connection) = (_connection, null);
            waiting = [.. _waiting.Values];
            _waiting.Clear();
        }

        await _disposing.CancelAsync().ConfigureAwait(false);
        foreach (var one in waiting)
            one.TrySetException(new ObjectDisposedException(nameof(BrokerLockStore)));

        // Hung up, not cut: what was sent last, a release for example, still arrives, and the broker sees a clean end.
        if (connection is not null)
            await connection.HangUpAsync().ConfigureAwait(false);
    }

    /// <summary>Comes back for as long as somebody waits or something is held.</summary>
    private async Task ReturnAsync()
    {
        var pause = _firstPause;
        while (!_disposing.IsCancellationRequested)
        {
            try
            {
                await ConnectAsync(_disposing.Token).ConfigureAwait(false);
                LogReturned(Address);
                break;
            }
            catch (LockStoreException e)
            {
                LogStillAway(e, Address);
                if (!e.IsTransient)
                    FailWaiting(e);
                lock (_gate)
                {
                    if (_waiting.Count == 0 && Leases.Living().Count == 0)
                        break;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }

            await Task.Delay(pause, Time, CancellationToken.None).ConfigureAwait(false);
            pause = pause * 2 < _longestPause ? pause * 2 : _longestPause;
        }

        lock (_gate)
        {
            _isReturning = false;

            // The connection may have ended again before this was set, or somebody may have begun to wait.
            if (_connection is null && !_isDisposed && _waiting.Count > 0)
            {
                _isReturning = true;
                _ = DetachedFlow.Start(() => Task.Run(ReturnAsync, CancellationToken.None));
            }
        }
    }

    /// <summary>A published broker gives up what a connection held when that ends.</summary>
    private void LoseAll()
    {
        foreach (var lease in Leases.Living())
        {
            if (Leases.Remove(lease.Request.HolderId))
                OnLost(new StoreLoss(lease.Request.Key, lease.Request.HolderId, LostReason.SessionLost));
        }
    }

    private void FailWaiting(LockStoreException exception)
    {
        PendingAnswer[] waiting;
        lock (_gate)
        {
            waiting = [.. _waiting.Values];
            _waiting.Clear();
        }

        foreach (var one in waiting)
            one.TrySetException(exception);
    }

    private static LockStoreException NotThere(string message, Exception? inner) =>
        new(message, isTransient: true, inner) { MayHaveBeenApplied = false };

    [LoggerMessage(20, LogLevel.Warning, "The connection to the broker at {Address} broke: {Why}")]
    private partial void LogBroken(BrokerAddress address, string why);

    [LoggerMessage(21, LogLevel.Information, "Connected to the broker at {Address} again.")]
    private partial void LogReturned(BrokerAddress address);

    [LoggerMessage(22, LogLevel.Debug, "The broker at {Address} is still away.")]
    private partial void LogStillAway(Exception exception, BrokerAddress address);
}
