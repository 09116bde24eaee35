using System.Net.Sockets;
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
    private Task? _reading;
    private long _lastNumber;
    private bool _isReturning;
    private bool _isDisposed;
    private bool _warned;

    public BrokerClient(LockConnection? connection, BrokerLauncher launcher, LockProviderContext context)
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
                return new ValueTask<OpenConnection>(new OpenConnection(connection, _reading!));
            connecting = _connecting ??= Task.Run(EstablishAsync, CancellationToken.None);
        }

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
                _ = Task.Run(ReturnAsync, CancellationToken.None);
            }
        }

        LogBroken(Address, why);
    }

    public async ValueTask DisposeAsync()
    {
        BrokerConnection? connection;
        Task? reading;
        PendingAnswer[] waiting;
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            (connection, _connection) = (_connection, null);
            reading = _reading;
            waiting = [.. _waiting.Values];
            _waiting.Clear();
        }

        await _disposing.CancelAsync().ConfigureAwait(false);
        foreach (var one in waiting)
            one.TrySetException(new ObjectDisposedException(nameof(BrokerLockStore)));

        // Hung up, not cut: what was sent last, a release for example, still arrives, and the broker sees a clean end.
        if (connection is not null)
            await connection.HangUpAsync(reading!, Time).ConfigureAwait(false);
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
                _ = Task.Run(ReturnAsync, CancellationToken.None);
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

    private async Task<OpenConnection> EstablishAsync()
    {
        try
        {
            var (connection, reading) = await OpenAsync().ConfigureAwait(false);
            await ReclaimAsync(connection).ConfigureAwait(false);
            PendingAnswer[] waiting;
            lock (_gate)
            {
                _connecting = null;
                if (_isDisposed || connection.HasEnded)
                {
                    connection.Cut();
                    throw NotThere($"The connection to the broker at {Address} ended at once.", null);
                }

                (_connection, _reading) = (connection, reading);
                waiting = [.. _waiting.Values];
            }

            foreach (var one in waiting)
                connection.AskAcquire(one);
            return new OpenConnection(connection, reading);
        }
        catch
        {
            lock (_gate)
                _connecting = null;
            throw;
        }
    }

    /// <summary>Connects and is welcomed, within the time for it; starts a broker if nothing listens and that is asked for.</summary>
    private async Task<OpenConnection> OpenAsync()
    {
        var began = Time.GetTimestamp();
        var launched = false;
        var launchedAt = 0L;
        while (true)
        {
            var left = _connectTimeout - Time.GetElapsedTime(began);
            try
            {
                return await OpenOnceAsync(left > _shortestTry ? left : _shortestTry).ConfigureAwait(false);
            }
            catch (SocketException e) when (Address.Explain() is { } wrong)
            {
                throw new LockStoreException($"There can be no broker at {Address}: {wrong}.", isTransient: false, e) { MayHaveBeenApplied = false };
            }
            catch (SocketException e) when (IsNobodyThere(e))
            {
                if (_launcher is null)
                    throw NotThere($"No broker listens at {Address}. Start one with 'lock broker', or set connection.launch.", e);
                if (left <= TimeSpan.Zero)
                {
                    throw NotThere($"A broker was started, but it does not listen at {Address} within {_connectTimeout.TotalMilliseconds} ms "
                        + "(connection.connectTimeout). Run the same 'lock broker' by hand to see why.", e);
                }

                // Again after a while: the one that was started may have met another that was just ending, and left the place to it.
                if (!launched || Time.GetElapsedTime(launchedAt) >= _launchPause)
                {
                    _launcher.Launch(Address, Secret);
                    launched = true;
                    launchedAt = Time.GetTimestamp();
                }
            }
            catch (LockStoreException e) when (e.IsTransient && launched && left > TimeSpan.Zero)
            {
                // One that ended as we came; the next one is being started by somebody, or by us.
            }
            catch (SocketException e)
            {
                throw NotThere($"The broker at {Address} cannot be reached: {e.Message}", e);
            }

            await Task.Delay(_firstPause, Time, _disposing.Token).ConfigureAwait(false);
        }
    }

    private async Task<OpenConnection> OpenOnceAsync(TimeSpan limit)
    {
        using var time = new CancellationTokenSource(limit, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, _disposing.Token);
        BrokerConnection? connection = null;
        try
        {
            var socket = await Address.ConnectAsync(_noDelay, either.Token).ConfigureAwait(false);
            connection = new BrokerConnection(this, socket);
            connection.Greet();
            var reading = connection.RunAsync();
            var welcome = await connection.Welcomed.WaitAsync(either.Token).ConfigureAwait(false);
            Notice(welcome);
            return new OpenConnection(connection, reading);
        }
        catch (OperationCanceledException e)
        {
            connection?.Cut();
            _disposing.Token.ThrowIfCancellationRequested();
            throw NotThere($"The broker at {Address} did not answer within {_connectTimeout.TotalMilliseconds} ms (connection.connectTimeout).", e);
        }
    }

    /// <summary>Asks for what this client believes to hold, before anything else is asked on a new connection.</summary>
    private async Task ReclaimAsync(BrokerConnection connection)
    {
        if (connection.IsPublished)
            return; // it releases what a connection held when that ends, and knows no reclaim
        var asked = new List<(HeldLease Lease, PendingAnswer Answer)>();
        foreach (var lease in Leases.Living())
        {
            var answer = new PendingAnswer(NextNumber(), null, waits: false);
            connection.AskReclaim(answer, lease, Leases.RemainingOf(lease));
            asked.Add((lease, answer));
        }

        foreach (var (lease, pending) in asked)
        {
            var answer = await pending.Task.ConfigureAwait(false);
            if (answer.Kind == AnswerKind.Done)
                Leases.Reclaimed(lease.Request.HolderId, connection);
            var reason = answer.Kind switch
            {
                AnswerKind.Other => LostReason.HeldByAnother,
                AnswerKind.None => LostReason.Removed,
                _ => default(LostReason?),
            };
            if (reason is { } why && Leases.Remove(lease.Request.HolderId))
                OnLost(new StoreLoss(lease.Request.Key, lease.Request.HolderId, why));
        }
    }

    private void Notice(Welcome welcome)
    {
        if (welcome.Wire == WireTypes.Wire && welcome.Version == WireTypes.ProductVersion)
            return;
        lock (_gate)
        {
            if (_warned)
                return;
            _warned = true;
        }

        if (welcome.Wire == 0)
            LogPublished(Address);
        else
            LogOtherVersion(Address, welcome.Version, WireTypes.ProductVersion);
    }

    private static bool IsNobodyThere(SocketException e) => e.SocketErrorCode
        is SocketError.ConnectionRefused or SocketError.AddressNotAvailable or SocketError.HostNotFound || e.ErrorCode == 2;

    private static LockStoreException NotThere(string message, Exception? inner) =>
        new(message, isTransient: true, inner) { MayHaveBeenApplied = false };

    [LoggerMessage(20, LogLevel.Warning, "The connection to the broker at {Address} broke: {Why}")]
    private partial void LogBroken(BrokerAddress address, string why);

    [LoggerMessage(21, LogLevel.Information, "Connected to the broker at {Address} again.")]
    private partial void LogReturned(BrokerAddress address);

    [LoggerMessage(22, LogLevel.Debug, "The broker at {Address} is still away.")]
    private partial void LogStillAway(Exception exception, BrokerAddress address);

    [LoggerMessage(23, LogLevel.Warning, "The broker at {Address} is a published live-mutex broker: no fencing tokens, no extending, no "
        + "owner, and it may grant a lock twice when clients come and go.")]
    private partial void LogPublished(BrokerAddress address);

    [LoggerMessage(24, LogLevel.Warning, "The broker at {Address} is version {Running}, this client is {Own}: what both know is used. Restart "
        + "the broker to use the rest.")]
    private partial void LogOtherVersion(BrokerAddress address, string running, string own);
}
