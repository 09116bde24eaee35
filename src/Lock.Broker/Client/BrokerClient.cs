using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Keeps one connection to the broker: makes it when somebody asks, and after a broken one reclaims what is held and asks again
/// for what waits.</summary>
internal sealed partial class BrokerClient : IAsyncDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly Dictionary<long, PendingAnswer> _waiting = [];
    private readonly CancellationTokenSource _disposing = new();
    private readonly ILogger _logger;
    private readonly BrokerConnector _connector;
    private BrokerConnection? _connection;
    private Task<OpenConnection>? _connecting;
    private bool _isReturning;
    private bool _isDisposed;

    public BrokerClient(BrokerLockSettings? connection, BrokerLauncher launcher, LockProviderContext context)
    {
        Context = new ClientContext(
            BrokerAddress.Of(connection),
            connection?.Secret,
            connection?.NoDelay ?? true,
            connection?.CommandTimeout ?? TimeSpan.FromSeconds(2),
            context.TimeProvider);
        _logger = context.LoggerFactory.CreateLogger("Locking.Broker");
        bool isLaunched = connection?.Launch == true;
        if (isLaunched && !Context.Address.IsLocal)
        {
            throw new LockConfigException(
                "connection.launch",
                $"connection.launch is true, but the broker at {Context.Address} would be on another machine: start it there.");
        }

        _connector = new BrokerConnector(
            Context, connection?.ConnectTimeout ?? TimeSpan.FromSeconds(3), isLaunched ? launcher : null, _logger);
    }

    /// <summary>What all its connections share.</summary>
    public ClientContext Context { get; }

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
        _ = connecting.ContinueWith(
            static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

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
            connection?.Dialect.Forget(waiter);
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
            if (_disposing.IsCancellationRequested || (_waiting.Count == 0 && Context.Leases.Living().Count == 0))
                return;
            BeginReturnUnsynchronized();
        }

        LogBroken(Context.Address, why);
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
        foreach (PendingAnswer one in waiting)
            one.TrySetException(new ObjectDisposedException(nameof(BrokerLockStore)));

        // Hung up, not cut: what was sent last, a release for example, still arrives, and the broker sees a clean end.
        if (connection is not null)
            await connection.HangUpAsync().ConfigureAwait(false);
    }

    private async Task<OpenConnection> EstablishAsync()
    {
        try
        {
            OpenConnection opened = await _connector.OpenAsync(OnEnded, _disposing.Token).ConfigureAwait(false);
            BrokerConnection connection = opened.Connection;
            await ReclaimAsync(connection).ConfigureAwait(false);
            PendingAnswer[] waiting;
            lock (_gate)
            {
                _connecting = null;
                if (_isDisposed || connection.HasEnded)
                {
                    connection.Cut();
                    throw ClientContext.NotThere($"The connection to the broker at {Context.Address} ended at once.", null);
                }

                _connection = connection;
                waiting = [.. _waiting.Values];
            }

            foreach (PendingAnswer one in waiting)
                connection.Dialect.AskAcquire(one);
            return opened;
        }
        catch
        {
            lock (_gate)
                _connecting = null;
            throw;
        }
    }

    /// <summary>Asks for what this client believes to hold, before anything else is asked on a new connection.</summary>
    private async Task ReclaimAsync(BrokerConnection connection)
    {
        if (connection.IsPublished)
            return; // it releases what a connection held when that ends, and knows no reclaim
        var asked = new List<(HeldLease Lease, PendingAnswer Answer)>();
        foreach (HeldLease lease in Context.Leases.Living())
        {
            var answer = new PendingAnswer(Context.NextNumber(), null, waits: false);
            connection.Dialect.AskReclaim(answer, lease, Context.Leases.RemainingOf(lease));
            asked.Add((lease, answer));
        }

        foreach ((HeldLease? lease, PendingAnswer? pending) in asked)
        {
            BrokerAnswer answer = await pending.Answer.ConfigureAwait(false);
            if (answer.Kind == AnswerKind.Done)
                Context.Leases.Reclaimed(lease.Request.HolderId, connection.Number);
            LostReason? reason = answer.Kind switch
            {
                AnswerKind.Other => LostReason.HeldByAnother,
                AnswerKind.None => LostReason.Removed,
                _ => default(LostReason?),
            };
            if (reason is { } why && Context.Leases.Remove(lease.Request.HolderId))
                Context.OnLost(new StoreLoss(lease.Request.Key, lease.Request.HolderId, why));
        }
    }

    /// <summary>Comes back for as long as somebody waits or something is held.</summary>
    private async Task ReturnAsync()
    {
        Backoff pauses = new(s_firstPause, s_longestPause);
        while (!_disposing.IsCancellationRequested)
        {
            try
            {
                await ConnectAsync(_disposing.Token).ConfigureAwait(false);
                LogReturned(Context.Address);
                break;
            }
            catch (LockStoreException e)
            {
                LogStillAway(e, Context.Address);
                if (!e.IsTransient)
                    FailWaiting(e);
                lock (_gate)
                {
                    if (_waiting.Count == 0 && Context.Leases.Living().Count == 0)
                        break;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }

            await Task.Delay(pauses.Next(), Context.Time, CancellationToken.None).ConfigureAwait(false);
        }

        lock (_gate)
        {
            _isReturning = false;

            // The connection may have ended again before this was set, or somebody may have begun to wait.
            if (_connection is null && !_isDisposed && _waiting.Count > 0)
                BeginReturnUnsynchronized();
        }
    }

    private void BeginReturnUnsynchronized()
    {
        if (_isReturning)
            return;
        _isReturning = true;
        _ = DetachedFlow.Start(() => Task.Run(ReturnAsync, CancellationToken.None));
    }

    /// <summary>A published broker gives up what a connection held when that ends.</summary>
    private void LoseAll()
    {
        foreach (HeldLease lease in Context.Leases.Living())
        {
            if (Context.Leases.Remove(lease.Request.HolderId))
                Context.OnLost(new StoreLoss(lease.Request.Key, lease.Request.HolderId, LostReason.SessionLost));
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

        foreach (PendingAnswer one in waiting)
            one.TrySetException(exception);
    }

    [LoggerMessage(20, LogLevel.Warning, "The connection to the broker at {Address} broke: {Why}")]
    private partial void LogBroken(BrokerAddress address, string why);

    [LoggerMessage(21, LogLevel.Information, "Connected to the broker at {Address} again.")]
    private partial void LogReturned(BrokerAddress address);

    [LoggerMessage(22, LogLevel.Debug, "The broker at {Address} is still away.")]
    private partial void LogStillAway(Exception exception, BrokerAddress address);
}
