using StackExchange.Redis;

namespace Locking;

/// <summary>The one subscription of a process to the releases of a store, shared out to the waiters by key.</summary>
/// <remarks>
/// <para>A watch is entered first, and then the subscription is proved: a probe is published until it comes back. So no release that
/// happens after <see cref="WatchAsync"/> is missed, whatever the client's own acknowledgement is worth.</para>
/// <para>A notice may name the holder id that has waited longest. A process that has no such waiter holds back for a moment, so that the one
/// that is named finds the lock free and nobody else asks for nothing. The name is a hint: the lock is free for whoever comes, and who was
/// named and does not come delays the others by that moment alone.</para>
/// <para>The probe is published by a script, as the notices are: it takes the same way, with the same name of the channel and the same rights.</para>
/// <para>After every interruption the proof is lost. It is sought again until it is found, and then every watch is told, since a
/// notice may have been missed.</para>
/// </remarks>
internal sealed class ReleaseChannel(RedisConnection connection, KeyLayout layout) : IAsyncDisposable
{
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromSeconds(1);

    /// <summary>How often it is looked whether a lent client was disposed, which it does not tell.</summary>
    private static readonly TimeSpan s_lookout = TimeSpan.FromMilliseconds(500);

    /// <summary>How long the end of a connection waits for those who leave their lines.</summary>
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private readonly HashSet<Task> _leaving = [];
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
    private IConnectionMultiplexer? _subscribedTo;
    private ITimer? _lookout;

    /// <summary>Starts listening for a record.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    /// <exception cref="NoticesRefusedException">This user may not publish or subscribe.</exception>
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
            if (_listeners++ == 0 && connection.IsLent)
                StartLookoutUnsynchronized();
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
    /// by without waiting. A watch that is about to close, whose waiter has left, may be taken for the next one's: so an id that loses its watch gets
    /// another that nobody has claimed, until the waiter of that one asks.</remarks>
    /// <returns>Whether it waits.</returns>
    public bool Asks(string prefix, string key, string holderId)
    {
        if (Volatile.Read(ref _listeners) == 0)
            return false;
        var record = prefix + key;
        string? gone = null;
        lock (_gate)
        {
            if (!_watches.TryGetValue(record, out var ears) || ears.WatchFor(holderId) is not { } watch)
                return false;
            if (watch.Asking != holderId)
                gone = watch.Asking;
            watch.Asking = holderId;
            watch.IsInherited = watch.IsServed = false;
        }

        LeaveLine(record, gone);
        return true;
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
            if (--_listeners == 0)
                StopLookoutUnsynchronized();
            if (ears.Watches.Count == 0)
                _watches.Remove(watch.Record);
            gone = watch.Asking;
            if (gone is not null && ears.UnclaimedWatch() is { } heir)
            {
                heir.Asking = gone;
                heir.IsInherited = true;
                return;
            }
        }

        LeaveLine(watch.Record, gone);
    }

    /// <summary>Takes a waiter out of the line; one that has been made the holder in this moment gives the lock to the next. Nobody waits for that: the
    /// others get over a waiter that is gone.</summary>
    /// <remarks>The id may be another waiter's, which took the watch for its own and is being granted the lock in this moment: what it has come for is left
    /// alone. Whoever renounces a lock releases it itself.</remarks>
    private void LeaveLine(string record, string? holderId)
    {
        if (holderId is null || connection.Connected is not { } multiplexer)
            return;
        Task leaving = layout.IsNative
            ? connection.EvaluateAsync(
                ScriptSet.NativeLeave, layout.NativeKeysOf(record[layout.Prefix.Length..]).WithLine(),
                [holderId, connection.ChannelName(layout.Channel)], CancellationToken.None)
            : multiplexer.GetDatabase(connection.Database).SortedSetRemoveAsync(
                new LockKeys(record).Waiters, (RedisValue[])[holderId], CommandFlags.DemandMaster);
        if (leaving.IsCompleted)
        {
            RedisConnection.Forget(leaving);
            return;
        }

        lock (_gate)
            _leaving.Add(leaving);
        _ = leaving.ContinueWith(
            static (left, state) =>
            {
                _ = left.Exception;
                var self = (ReleaseChannel)state!;
                lock (self._gate)
                    self._leaving.Remove(left);
            },
            this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Everybody leaves the line, before the connection ends: whoever waits elsewhere need not get over them. Not for long, where the server
    /// does not answer.</summary>
    public async Task LeaveAsync()
    {
        foreach (var watch in AllWatches())
            Remove(watch);
        Task[] leaving;
        lock (_gate)
            leaving = [.. _leaving];
        await Task.WhenAll(leaving).WaitAsync(s_farewell, connection.Time, CancellationToken.None)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Stops listening. The client may be the application's: it keeps no handler of ours.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        IConnectionMultiplexer? subscribedTo;
        lock (_gate)
        {
            StopLookoutUnsynchronized();
            (subscribedTo, _subscribedTo) = (_subscribedTo, null);
        }

        if (subscribedTo is not null)
            Unsubscribe(subscribedTo);
    }

    private RedisChannel Channel => RedisChannel.Literal(layout.Channel);

    private void Unsubscribe(IConnectionMultiplexer multiplexer) => Subscriptions.End(multiplexer, Channel, OnMessage);

    private void StartLookoutUnsynchronized()
    {
        StopLookoutUnsynchronized();
        _lookout = DetachedFlow.Start(() =>
            connection.Time.CreateTimer(static channel => ((ReleaseChannel)channel!).LookOut(), this, s_lookout, s_lookout));
    }

    private void StopLookoutUnsynchronized()
    {
        _lookout?.Dispose();
        _lookout = null;
    }

    /// <summary>A lent client that has been disposed raises no event: those who wait are told to ask, and learn it from the answer.</summary>
    private void LookOut()
    {
        if (connection.Connected is { IsConnected: false })
            NotifyAll();
    }

    /// <summary>Subscribes, and proves it.</summary>
    private async Task ListenAsync()
    {
        var multiplexer = await connection.ConnectAsync(_stopping.Token).ConfigureAwait(false);
        try
        {
            long interruptions;
            do
            {
                lock (_gate)
                    interruptions = _interruptions;
                await SubscribeAsync(multiplexer).ConfigureAwait(false);
                try
                {
                    await ProbeAsync().ConfigureAwait(false);
                    connection.OnHeard();
                }
                catch (TimeoutException)
                {
                    // Nothing comes back although the server answers: subscribe afresh the next time, and over another connection in the end.
                    lock (_gate)
                        _subscribedTo = null;
                    Unsubscribe(multiplexer);
                    connection.OnDeaf(multiplexer);
                    throw;
                }
            }
            while (WasInterrupted(interruptions));
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or NoticesRefusedException))
        {
            throw RedisFaults.Wrap(exception, "subscribe", connection.Server, multiplexer);
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
            if (!await Subscriptions.ReadyAsync(multiplexer, Channel, s_firstRetry, connection.Time, _stopping.Token).ConfigureAwait(false))
            {
                if (await PublishAsync(layout.ProbeOf(_probePrefix)).ConfigureAwait(false) is { Length: > 0 } reason)
                    throw Refused(multiplexer, reason, null);
                await Subscriptions.ReadyAsync(multiplexer, Channel, connection.CommandTimeout, connection.Time, _stopping.Token).ConfigureAwait(false);
            }

            await connection.LimitAsync(WithResult(multiplexer.GetSubscriber().SubscribeAsync(Channel, OnMessage)), _stopping.Token).ConfigureAwait(false);
        }
        catch (RedisServerException refusal)
        {
            throw Refused(multiplexer, refusal.Message, refusal);
        }
    }

    private NoticesRefusedException Refused(IConnectionMultiplexer multiplexer, string reason, Exception? fault)
    {
        lock (_gate)
            _subscribedTo = null;
        Unsubscribe(multiplexer);
        return new NoticesRefusedException(reason.Trim(), fault);
    }

    /// <summary>Publishes as the scripts do.</summary>
    /// <returns>Why the server does not allow it; empty when it does.</returns>
    private Task<string> PublishAsync(string text) => connection.EvaluateAsync(
        ScriptSet.Publish, [], [connection.ChannelName(layout.Channel), text], static answer => (string?)answer ?? "", _stopping.Token);

    private async Task ProbeAsync()
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

            if (await PublishAsync(text).ConfigureAwait(false) is { Length: > 0 } reason)
                throw new NoticesRefusedException(reason.Trim(), null);
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
            catch (LockStoreException fault)
            {
                // Still down. Waiters go on polling meanwhile; what will not pass they learn by asking.
                if (!fault.IsTransient)
                    NotifyAll();
            }
            catch (NoticesRefusedException)
            {
                // The rights have changed: who waits asks, and is told when it listens anew.
                NotifyAll();
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
            await Task.Delay(layout.HoldBack, connection.Time, CancellationToken.None).ConfigureAwait(false);
            ReleaseWatch[] wake;
            lock (_gate)
            {
                var now = connection.Time.GetTimestamp();
                if (connection.Time.GetElapsedTime(ears.NoticedAt, now) < layout.HoldBack && connection.Time.GetElapsedTime(ears.FirstNoticedAt, now) < layout.LongestHoldBack)
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
        foreach (var ear in AllWatches())
            ear.Notify();
    }

    private ReleaseWatch[] AllWatches()
    {
        lock (_gate)
            return AllUnsynchronized();
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

        /// <summary>The watch that a waiter with that id may have: at last one that was served, since a waiter that cannot use what it was granted goes on with
        /// another id.</summary>
        public ReleaseWatch? WatchFor(string holderId) => 
            WatchOf(holderId) ?? UnclaimedWatch() ?? Watches.Find(static watch => watch.IsInherited)
            ?? Watches.Find(static watch => watch.IsServed);

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
