using System.Diagnostics.CodeAnalysis;
using StackExchange.Redis;

namespace Locking;

/// <summary>The subscription to a channel of releases, and the proof that everything is heard.</summary>
/// <remarks>
/// <para>After every interruption the proof is lost. It is sought again until it is found, and then every watch is told, since a
/// notice may have been missed.</para>
/// <para>A proof says how many interruptions there had been when it was begun, and counts as long as there are no more: an interruption
/// that comes while it is sought, up to its very end, voids it, whether or not somebody listens in that moment.</para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The token source has nothing to free: no wait handle, no timer.")]
internal sealed class ReleaseSubscription
{
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly RedisConnection _connection;
    private readonly ReleaseWatches _watches;
    private readonly SubscriptionProbe _probe;
    private readonly RedisChannel _channel;
    private readonly CancellationTokenSource _stopping = new();
    private Task<long>? _listening;
    private Task? _recovering;
    private long _interruptions;
    private IConnectionMultiplexer? _subscribedTo;

    /// <summary>A subscription that begins when somebody listens.</summary>
    public ReleaseSubscription(RedisConnection connection, KeyLayout layout, ReleaseWatches watches)
    {
        _connection = connection;
        _watches = watches;
        _probe = new SubscriptionProbe(connection, layout);
        _channel = RedisChannel.Literal(layout.Channel);
    }

    /// <summary>Ends when the subscription is proved, with no interruption since that proof was begun; sought anew where it failed, or was
    /// interrupted. Asked after the watch was entered.</summary>
    /// <returns>How many interruptions there had been.</returns>
    public async Task<long> ListeningAsync()
    {
        while (true)
        {
            long proved = await Proof().ConfigureAwait(false);
            if (!WasInterrupted(proved))
                return proved;
        }
    }

    /// <summary>A connection was lost or came back: the proof that we hear everything is void.</summary>
    public void OnInterrupted()
    {
        lock (_gate)
        {
            _interruptions++;
            if (_listening is null || _stopping.IsCancellationRequested)
                return;
            // Only while somebody waits; otherwise the next watch proves the subscription anew. Who enters in this moment asks for the
            // proof after it has entered: it is either seen here, or finds the proof void.
            if (_watches.IsEmpty || _recovering is { IsCompleted: false })
                return;
            _recovering = DetachedFlow.Start(() => Task.Run(RecoverAsync, CancellationToken.None));
        }
    }

    /// <summary>Stops listening.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        IConnectionMultiplexer? subscribedTo;
        lock (_gate)
            (subscribedTo, _subscribedTo) = (_subscribedTo, null);
        if (subscribedTo is not null)
            Unsubscribe(subscribedTo);
    }

    private void Unsubscribe(IConnectionMultiplexer multiplexer) => Subscriptions.End(multiplexer, _channel, OnMessage);

    /// <summary>The proof that counts, or is under way; begun anew where there is none.</summary>
    private Task<long> Proof()
    {
        lock (_gate)
        {
            if (_listening is not { } proof || (proof.IsCompleted && !(proof.IsCompletedSuccessfully && proof.Result == _interruptions)))
                _listening = proof = DetachedFlow.Start(() => Task.Run(ListenAsync, CancellationToken.None));
            return proof;
        }
    }

    /// <summary>Subscribes, and proves it.</summary>
    /// <returns>How many interruptions there had been when it was begun.</returns>
    private async Task<long> ListenAsync()
    {
        long interruptions;
        lock (_gate)
            interruptions = _interruptions;
        // Anew for each proof: the client may have been replaced.
        IConnectionMultiplexer multiplexer = await _connection.ConnectAsync(_stopping.Token).ConfigureAwait(false);
        try
        {
            await SubscribeAsync(multiplexer).ConfigureAwait(false);
            try
            {
                if (await _probe.ProveAsync(() => WasInterrupted(interruptions), _stopping.Token).ConfigureAwait(false))
                    _connection.OnNoticesBack();
            }
            catch (TimeoutException)
            {
                // Nothing comes back although the server answers: subscribe afresh the next time, and over another connection in the end.
                lock (_gate)
                    _subscribedTo = null;
                Unsubscribe(multiplexer);
                _connection.OnNoticesMissing(multiplexer);
                throw;
            }

            return interruptions;
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or NoticesRefusedException))
        {
            throw RedisFaults.Wrap(exception, "subscribe", _connection.Server, multiplexer);
        }
    }

    private async Task SubscribeAsync(IConnectionMultiplexer multiplexer)
    {
        IConnectionMultiplexer? before;
        lock (_gate)
        {
            if (ReferenceEquals(_subscribedTo, multiplexer))
                return;
            before = _subscribedTo;
            // Marked before: a client that failed to send it keeps the handler all the same, and subscribes when it is back.
            _subscribedTo = multiplexer;
        }

        if (before is not null)
            Unsubscribe(before);
        try
        {
            // A moment for a connection that is being made; then it is asked whether this user may publish there at all.
            if (!await ReadyAsync(multiplexer, s_firstRetry).ConfigureAwait(false))
            {
                if (await _probe.AskAsync(_stopping.Token).ConfigureAwait(false) is { Length: > 0 } reason)
                    throw Refused(multiplexer, reason, null);
                await ReadyAsync(multiplexer, _connection.CommandTimeout).ConfigureAwait(false);
            }

            Task<bool> subscribing = WithResultAsync(multiplexer.GetSubscriber().SubscribeAsync(_channel, OnMessage));
            // Stopped meanwhile, before there was a handler to take back.
            if (_stopping.IsCancellationRequested)
                Subscriptions.EndAfter(subscribing, multiplexer, _channel, OnMessage);
            await _connection.LimitAsync(subscribing, _stopping.Token).ConfigureAwait(false);
        }
        catch (RedisServerException exception)
        {
            throw Refused(multiplexer, exception.Message, exception);
        }
    }

    private Task<bool> ReadyAsync(IConnectionMultiplexer multiplexer, TimeSpan limit) =>
        Subscriptions.ReadyAsync(multiplexer, _channel, limit, _connection.Time, _stopping.Token);

    private NoticesRefusedException Refused(IConnectionMultiplexer multiplexer, string reason, Exception? fault)
    {
        lock (_gate)
            _subscribedTo = null;
        Unsubscribe(multiplexer);
        return new NoticesRefusedException(reason.Trim(), fault);
    }

    /// <summary>After an interruption: seeks the proof until it is found, then tells every watch.</summary>
    private async Task RecoverAsync()
    {
        Backoff pauses = new(s_firstRetry, s_longestRetry);
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (await TryRecoverAsync().ConfigureAwait(false))
                    return;
                await Task.Delay(pauses.Next(), _connection.Time, _stopping.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                // The connection has ended.
                return;
            }
        }
    }

    /// <summary>Seeks the proof once.</summary>
    /// <returns>False when it was not found, or is void again.</returns>
    private async Task<bool> TryRecoverAsync()
    {
        try
        {
            long proved = await ListeningAsync().ConfigureAwait(false);
            _watches.NotifyAll();
            lock (_gate)
            {
                // Interrupted again since then: that event saw this task still running and left the work to it.
                if (_interruptions != proved)
                    return false;
                _recovering = null;
                return true;
            }
        }
        catch (LockStoreException exception)
        {
            // Still down. Waiters go on polling meanwhile; what will not pass they learn by asking.
            if (!exception.IsTransient)
                _watches.NotifyAll();
        }
        catch (NoticesRefusedException)
        {
            // The rights have changed: who waits asks, and is told when it listens anew.
            _watches.NotifyAll();
        }

        return false;
    }

    private bool WasInterrupted(long since)
    {
        lock (_gate)
            return _interruptions != since;
    }

    private void OnMessage(RedisChannel channel, RedisValue message)
    {
        if (!_probe.Takes(message))
            _watches.OnNotice(message);
    }

    private static async Task<bool> WithResultAsync(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }
}
