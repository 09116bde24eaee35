using StackExchange.Redis;

namespace Locking;

/// <summary>The one subscription of a process to the releases of a store, shared out to the waiters by key.</summary>
/// <remarks>
/// <para>A watch is entered first, and then the subscription is proved: a probe is published until it comes back. So no release that
/// happens after <see cref="WatchAsync"/> is missed, whatever the client's own acknowledgement is worth.</para>
/// <para>After every interruption the proof is lost. It is sought again until it is found, and then every watch is told, since a
/// notice may have been missed.</para>
/// </remarks>
internal sealed class ReleaseChannel(RedisConnection connection, KeyLayout layout) : IAsyncDisposable
{
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<ReleaseWatch>> _watches = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _probePrefix = $"\u0001probe {Guid.NewGuid():N} ";
    private Task? _listening;
    private Task? _recovering;
    private TaskCompletionSource? _probe;
    private string? _probeText;
    private long _probes;
    private long _interruptions;
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
                _watches.Add(record, ears = []);
            ears.Add(watch);
            if (_listening is not { } started || started.IsFaulted || started.IsCanceled)
                _listening = started = Task.Run(ListenAsync, CancellationToken.None);
            listening = started;
        }

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
            _recovering = Task.Run(RecoverAsync, CancellationToken.None);
        }
    }

    public void Remove(ReleaseWatch watch)
    {
        lock (_gate)
        {
            if (!_watches.TryGetValue(watch.Record, out var ears) || !ears.Remove(watch))
                return;
            if (ears.Count == 0)
                _watches.Remove(watch.Record);
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
                    _listening = started = Task.Run(ListenAsync, CancellationToken.None);
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
        ReleaseWatch[] ears = [];
        lock (_gate)
        {
            if (_watches.Count == 0 && _probe is null)
                return;
            var text = (string?)message;
            if (_probe is not null && text == _probeText)
            {
                heard = _probe;
                _probe = null;
            }
            else if (layout.RecordOf(message) is not { } record)
            {
                ears = [.. _watches.Values.SelectMany(list => list)];
            }
            else if (_watches.TryGetValue(record, out var list))
            {
                ears = [.. list];
            }
        }

        // Outside the gate: a waiter may go on in here.
        heard?.TrySetResult();
        foreach (var ear in ears)
            ear.Notify();
    }

    private void NotifyAll()
    {
        ReleaseWatch[] ears;
        lock (_gate)
            ears = [.. _watches.Values.SelectMany(list => list)];
        foreach (var ear in ears)
            ear.Notify();
    }

    private static async Task<bool> WithResult(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }
}
