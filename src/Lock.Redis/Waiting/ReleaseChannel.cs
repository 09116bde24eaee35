using StackExchange.Redis;

namespace Locking;

/// <summary>The one subscription of a process to the releases of a store, shared out to the waiters by key.</summary>
/// <remarks>
/// <para>A watch is entered first, and then the subscription is proved: a probe is published until it comes back. So no release that
/// happens after <see cref="WatchAsync"/> is missed, whatever the client's own acknowledgement is worth.</para>
/// <para>A notice may name the holder id that has waited longest. A process that has no such waiter holds back for a moment, so that the one
/// that is named finds the lock free and nobody else asks for nothing. The name is a hint: the lock is free for whoever comes, and who was
/// named and does not come delays the others by that moment alone.</para>
/// <para>After every interruption the proof is lost. It is sought again until it is found, and then every watch is told, since a
/// notice may have been missed.</para>
/// </remarks>
internal sealed class ReleaseChannel(RedisConnection connection, KeyLayout layout) : IAsyncDisposable
{
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromSeconds(1);

    /// <summary>How long who is not named holds back after a notice: some round trips.</summary>
    private static readonly TimeSpan s_holdBack = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest, however many notices follow.</summary>
    private static readonly TimeSpan s_longestHoldBack = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Ears> _watches = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _probePrefix = $"\u0001probe {Guid.NewGuid():N} ";
    private Task? _listening;
    private Task? _recovering;
    private TaskCompletionSource? _probe;
    private string? _probeText;
    private long _probes;
    private long _interruptions;
    private int _listeners;
    private bool _subscribed;
    private IConnectionMultiplexer? _multiplexer;

    /// <summary>Starts listening for a record.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public async ValueTask<IReleaseWatch> WatchAsync(string record, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var watch = new ReleaseWatch(this, record, connection.Time);
        Task listening;
        lock (_gate)
        {
            if (!_watches.TryGetValue(record, out var ears))
                _watches.Add(record, ears = new Ears());
            ears.Watches.Add(watch);
            _listeners++;
            if (_listening is not { } started || started.IsFaulted || started.IsCanceled)
                _listening = started = DetachedFlow.Start(() => Task.Run(ListenAsync, CancellationToken.None));
            listening = started;
        }

        // Whoever gives up leaves its fault to nobody.
        RedisConnection.Forget(listening);
        try
        {
            await listening.WaitAsync(cancellationToken).ConfigureAwait(false);
            return watch;
        }
        catch
        {
            Remove(watch);
            throw;
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
            if (_listening.IsCompleted)
                _listening = null;
            // Only while somebody waits; otherwise the next watch proves the subscription anew.
            if (_watches.Count == 0 || _recovering is { IsCompleted: false })
                return;
            _recovering = DetachedFlow.Start(() => Task.Run(RecoverAsync, CancellationToken.None));
        }
    }

    /// <summary>A holder asks for a record. When it listens for it too, its id is what a notice may name.</summary>
    /// <remarks>Each watch is one waiter's, and who waits opens it before it asks again: an id that finds every watch to be another's comes
    /// by without waiting. Should the two be mistaken for each other in between, one is woken a little later.</remarks>
    /// <returns>Whether it waits.</returns>
    public bool Asks(string record, string holderId)
    {
        if (Volatile.Read(ref _listeners) == 0)
            return false;
        lock (_gate)
        {
            if (!_watches.TryGetValue(record, out var ears) || (ears.WatchOf(holderId) ?? ears.UnclaimedWatch()) is not { } watch)
                return false;
            watch.Asking = holderId;
            return true;
        }
    }

    /// <summary>A holder that asked has the lock.</summary>
    public void Granted(string record, string holderId)
    {
        lock (_gate)
        {
            if (_watches.TryGetValue(record, out var ears) && ears.WatchOf(holderId) is { } watch)
            {
                watch.Asking = null;
                watch.IsServed = true;
            }
        }
    }

    /// <summary>Somebody stops listening.</summary>
    public void Remove(ReleaseWatch watch)
    {
        string? gone;
        lock (_gate)
        {
            if (!_watches.TryGetValue(watch.Record, out var ears) || !ears.Watches.Remove(watch))
                return;
            _listeners--;
            if (ears.Watches.Count == 0)
                _watches.Remove(watch.Record);
            gone = watch.Asking;
        }

        // Who gives up need not be named, and delay the others.
        if (gone is not null && connection.Connected is { } multiplexer)
        {
            RedisConnection.Forget(multiplexer.GetDatabase(connection.Database).SortedSetRemoveAsync(
                new LockKeys(watch.Record).Waiters, (RedisValue[])[gone], CommandFlags.FireAndForget | CommandFlags.DemandMaster));
        }
    }

    /// <summary>Stops listening. The client may be the application's: it keeps no handler of ours.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (_multiplexer is not null && _subscribed)
            RedisConnection.Forget(_multiplexer.GetSubscriber().UnsubscribeAsync(Channel, OnMessage, CommandFlags.FireAndForget));
    }

    private RedisChannel Channel => new(layout.Channel, RedisChannel.PatternMode.Literal);

    /// <summary>Subscribes, and proves it.</summary>
    private async Task ListenAsync()
    {
        var multiplexer = _multiplexer = await connection.ConnectAsync(_stopping.Token).ConfigureAwait(false);
        try
        {
            long interruptions;
            do
            {
                lock (_gate)
                    interruptions = _interruptions;
                var subscriber = multiplexer.GetSubscriber();
                if (!_subscribed)
                {
                    // Marked before: a client that failed to send it keeps the handler all the same, and subscribes when it is back.
                    _subscribed = true;
                    await connection.LimitAsync(WithResult(subscriber.SubscribeAsync(Channel, OnMessage)), _stopping.Token).ConfigureAwait(false);
                }

                try
                {
                    await ProbeAsync(subscriber).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    // Nothing comes back although the server answers: subscribe afresh the next time.
                    _subscribed = false;
                    RedisConnection.Forget(subscriber.UnsubscribeAsync(Channel, OnMessage));
                    throw;
                }
            }
            while (WasInterrupted(interruptions));
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw RedisFaults.Wrap(exception, "subscribe", connection.Server);
        }
    }

    private async Task ProbeAsync(ISubscriber subscriber)
    {
        var until = connection.Time.GetTimestamp();
        while (true)
        {
            var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            string text;
            lock (_gate)
            {
                text = _probeText = layout.ProbeOf(_probePrefix + ++_probes);
                _probe = heard;
            }

            await connection.LimitAsync(subscriber.PublishAsync(Channel, text), _stopping.Token).ConfigureAwait(false);
            try
            {
                await heard.Task.WaitAsync(s_firstRetry, connection.Time, _stopping.Token).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException) when (connection.Time.GetElapsedTime(until) < connection.CommandTimeout)
            {
                // Published before the subscription stood, or to a server that is on its way out: ask again.
            }
        }
    }

    /// <summary>After an interruption: seeks the proof until it is found, then tells every watch.</summary>
    private async Task RecoverAsync()
    {
        var pause = s_firstRetry;
        while (!_stopping.IsCancellationRequested)
        {
            Task listening;
            lock (_gate)
            {
                if (_listening is not { } started || started.IsFaulted || started.IsCanceled)
                    _listening = started = DetachedFlow.Start(() => Task.Run(ListenAsync, CancellationToken.None));
                listening = started;
            }

            try
            {
                await listening.ConfigureAwait(false);
                NotifyAll();
                lock (_gate)
                {
                    // Interrupted again since then: that event saw this task still running and left the work to it.
                    if (_listening == listening)
                    {
                        _recovering = null;
                        return;
                    }
                }
            }
            catch (LockStoreException)
            {
                // Still down. Waiters go on polling meanwhile.
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await Task.Delay(pause, connection.Time, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < s_longestRetry ? pause * 2 : s_longestRetry;
        }
    }

    private bool WasInterrupted(long since)
    {
        lock (_gate)
            return _interruptions != since;
    }

    private void OnMessage(RedisChannel channel, RedisValue message)
    {
        TaskCompletionSource? heard = null;
        ReleaseWatch[] wake = [];
        Ears? later = null;
        lock (_gate)
        {
            if (_watches.Count == 0 && _probe is null)
                return;
            if (_probe is not null && (string?)message == _probeText)
            {
                heard = _probe;
                _probe = null;
            }
            else if (layout.RecordOf(message, out var named) is not { } record)
            {
                wake = AllUnsynchronized();
            }
            else if (_watches.TryGetValue(record, out var ears))
            {
                if (named is null || ears.WatchOf(named) is not null)
                    wake = [.. ears.Watches];
                else if (ears.HoldsBackUnsynchronized(connection.Time.GetTimestamp()))
                    later = ears;
            }
        }

        // Outside the gate: a waiter may go on in here.
        heard?.TrySetResult();
        foreach (var ear in wake)
            ear.Notify();
        if (later is not null)
            _ = NotifyLaterAsync(later);
    }

    /// <summary>Wakes those that were not named when no notice has followed for a moment, or when they have waited for long enough.</summary>
    private async Task NotifyLaterAsync(Ears ears)
    {
        while (true)
        {
            await Task.Delay(s_holdBack, connection.Time, CancellationToken.None).ConfigureAwait(false);
            ReleaseWatch[] wake;
            lock (_gate)
            {
                var now = connection.Time.GetTimestamp();
                if (connection.Time.GetElapsedTime(ears.NoticedAt, now) < s_holdBack && connection.Time.GetElapsedTime(ears.FirstNoticedAt, now) < s_longestHoldBack)
                    continue;
                ears.IsHoldingBack = false;
                wake = [.. ears.Watches];
            }

            foreach (var ear in wake)
                ear.Notify();
            return;
        }
    }

    private void NotifyAll()
    {
        ReleaseWatch[] ears;
        lock (_gate)
            ears = AllUnsynchronized();
        foreach (var ear in ears)
            ear.Notify();
    }

    private ReleaseWatch[] AllUnsynchronized() => [.. _watches.Values.SelectMany(static ears => ears.Watches)];

    private static async Task<bool> WithResult(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    /// <summary>Who listens for one record. Guarded by the gate.</summary>
    private sealed class Ears
    {
        public List<ReleaseWatch> Watches { get; } = [];

        public bool IsHoldingBack { get; set; }

        public long NoticedAt { get; private set; }

        public long FirstNoticedAt { get; private set; }

        /// <summary>The watch of the waiter with that id.</summary>
        public ReleaseWatch? WatchOf(string holderId) => Watches.Find(watch => watch.Asking == holderId);

        /// <summary>A watch whose waiter has not asked yet. One that was served is about to close: the next waiter has its own.</summary>
        public ReleaseWatch? UnclaimedWatch() => Watches.Find(static watch => watch.Asking is null && !watch.IsServed);

        /// <summary>A notice named somebody else.</summary>
        /// <returns>Whether that is the first one.</returns>
        public bool HoldsBackUnsynchronized(long now)
        {
            NoticedAt = now;
            if (IsHoldingBack)
                return false;
            IsHoldingBack = true;
            FirstNoticedAt = now;
            return true;
        }
    }
}
