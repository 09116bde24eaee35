namespace Locking;

/// <summary>Who may contend for a key: one caller of this process at a time, in the order they came.</summary>
/// <remarks>The state of a key lives only while somebody contends for it.</remarks>
internal sealed class KeyTurns(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Turn> _turns = new(StringComparer.Ordinal);

    /// <summary>Number of keys that somebody contends for.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _turns.Count;
        }
    }

    /// <summary>Takes the turn if nobody has it.</summary>
    public bool TryEnter(string key)
    {
        lock (_gate)
            return _turns.TryAdd(key, new Turn());
    }

    /// <summary>Waits for the turn, first in, first out. Cancelling gives up the place.</summary>
    /// <returns>False when the time is up.</returns>
    public async ValueTask<bool> EnterAsync(string key, TimeSpan atMost, CancellationToken cancellationToken)
    {
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (_turns.TryAdd(key, new Turn()))
                return true;
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _turns[key].Waiters.AddLast(waiter);
        }

        try
        {
            await WaitAsync(waiter.Task, atMost, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            bool wasWaiting;
            lock (_gate)
                wasWaiting = _turns.TryGetValue(key, out var turn) && turn.Waiters.Remove(waiter);
            // The turn may have come in the same moment: it is ours then, and passes on.
            if (!wasWaiting)
                Leave(key);
            if (exception is OperationCanceledException)
                throw;
            return false;
        }
    }

    private async Task WaitAsync(Task turn, TimeSpan atMost, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var left = atMost == Timeout.InfiniteTimeSpan ? atMost : atMost - time.GetElapsedTime(start);
            var limit = TimerSpan.For(left);
            try
            {
                await turn.WaitAsync(limit < TimeSpan.Zero && limit != Timeout.InfiniteTimeSpan ? TimeSpan.Zero : limit, time, cancellationToken)
                    .ConfigureAwait(false);
                return;
            }
            catch (TimeoutException) when (limit > TimeSpan.Zero && limit < left)
            {
                // The wait is longer than one timer.
            }
        }
    }

    /// <summary>Gives the turn to the next caller.</summary>
    public void Leave(string key)
    {
        TaskCompletionSource? next = null;
        lock (_gate)
        {
            var turn = _turns[key];
            turn.Nudge = null;
            turn.IsNudged = false;
            if (turn.Waiters.First is { } first)
            {
                turn.Waiters.RemoveFirst();
                next = first.Value;
            }
            else
            {
                _turns.Remove(key);
            }
        }

        next?.SetResult();
    }

    /// <summary>Pauses the caller that has the turn, until somebody of this process releases the key. Releases are latched: one since the
    /// last pause ends the next one at once, since the request in between may have been answered before it.</summary>
    /// <returns>True when somebody has released the key, false when the time is up.</returns>
    public async ValueTask<bool> PauseAsync(string key, TimeSpan pause, CancellationToken cancellationToken)
    {
        var nudge = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            var turn = _turns[key];
            if (turn.IsNudged)
            {
                turn.IsNudged = false;
                return true;
            }

            turn.Nudge = nudge;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(nudge.Task, Task.Delay(TimerSpan.For(pause), time, stop.Token)).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var turn = _turns[key];
            turn.Nudge = null;
            turn.IsNudged = false;
        }

        return nudge.Task.IsCompleted;
    }

    /// <summary>Somebody of this process has released the key: its contender, if it is pausing, looks again.</summary>
    public void Nudge(string key)
    {
        TaskCompletionSource? nudge;
        lock (_gate)
        {
            if (!_turns.TryGetValue(key, out var turn))
                return;
            nudge = turn.Nudge;
            turn.Nudge = null;
            turn.IsNudged = true;
        }

        nudge?.TrySetResult();
    }

    private sealed class Turn
    {
        private LinkedList<TaskCompletionSource>? _waiters;

        public LinkedList<TaskCompletionSource> Waiters => _waiters ??= new LinkedList<TaskCompletionSource>();

        public TaskCompletionSource? Nudge { get; set; }

        /// <summary>Whether somebody has released the key since the contender last paused.</summary>
        public bool IsNudged { get; set; }
    }
}
