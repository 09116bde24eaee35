using System.Runtime.InteropServices;

namespace Locking;

/// <summary>Who may contend for a key: one caller of this process at a time, in the order they came.</summary>
/// <remarks>The state of a key lives only while somebody contends for it.</remarks>
internal sealed class KeyTurns(AlarmClock alarms)
{
    private readonly TimeProvider _time = alarms.Time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Turn> _turns = new(StringComparer.Ordinal);

    /// <summary>The state of the key that was left last: most locks are taken by one caller alone.</summary>
    private Turn? _spare;

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
            return TryEnterUnsynchronized(key, out _);
    }

    /// <summary>Waits for the turn, first in, first out. Cancelling gives up the place.</summary>
    /// <returns>False when the time is up.</returns>
    public ValueTask<bool> EnterAsync(string key, TimeSpan atMost, CancellationToken cancellationToken)
    {
        StepLimit limit = atMost == Timeout.InfiniteTimeSpan ? default : StepLimit.In(alarms, atMost);
        var wait = new TurnWait(this, key, limit, cancellationToken);
        lock (_gate)
        {
            if (TryEnterUnsynchronized(key, out Turn turn))
                return ValueTask.FromResult(true);
            turn.AddLast(wait);
        }

        return wait.StartAsync();
    }

    /// <summary>Gives the turn to the next caller.</summary>
    public void Leave(string key)
    {
        TurnWait? next;
        lock (_gate)
        {
            Turn turn = _turns[key];
            turn.Nudge = null;
            turn.IsNudged = false;
            turn.Failure = null;
            next = turn.First;
            if (next is not null)
            {
                turn.Remove(next);
            }
            else
            {
                _turns.Remove(key);
                _spare = turn;
            }
        }

        next?.OnTurn();
    }

    /// <summary>What whoever has the turn has last learnt of the backend, for those in line behind: a failure, or null.</summary>
    public void Tell(string key, LockStoreException? failure)
    {
        lock (_gate)
            _turns[key].Failure = failure;
    }

    /// <inheritdoc cref="Tell"/>
    public LockStoreException? FailureOf(string key)
    {
        lock (_gate)
            return _turns.TryGetValue(key, out Turn? turn) ? turn.Failure : null;
    }

    /// <summary>Takes a caller out of the line.</summary>
    /// <returns>False when it is not in it any more: its turn has come in the same moment.</returns>
    public bool Withdraw(TurnWait wait)
    {
        lock (_gate)
        {
            if (!wait.IsWaiting)
                return false;
            _turns[wait.Key].Remove(wait);
            return true;
        }
    }

    /// <summary>Pauses the caller that has the turn, until somebody of this process releases the key. Releases are latched: one since the
    /// last pause ends the next one at once, since the request in between may have been answered before it.</summary>
    /// <returns>True when somebody has released the key, false when the time is up.</returns>
    public async ValueTask<bool> PauseAsync(string key, TimeSpan pause, CancellationToken cancellationToken)
    {
        var nudge = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            Turn turn = _turns[key];
            if (turn.IsNudged)
            {
                turn.IsNudged = false;
                return true;
            }

            turn.Nudge = nudge;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(nudge.Task, Task.Delay(TimerSpan.For(pause), _time, stop.Token)).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            Turn turn = _turns[key];
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
            if (!_turns.TryGetValue(key, out Turn? turn))
                return;
            nudge = turn.Nudge;
            turn.Nudge = null;
            turn.IsNudged = true;
        }

        nudge?.TrySetResult();
    }

    private bool TryEnterUnsynchronized(string key, out Turn turn)
    {
        ref Turn? slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_turns, key, out bool isTaken);
        if (isTaken)
        {
            turn = slot!;
            return false;
        }

        slot = turn = _spare ?? new Turn();
        _spare = null;
        return true;
    }

    /// <summary>The state of a key that somebody has the turn of: the line behind them. All of it is guarded by the gate.</summary>
    private sealed class Turn
    {
        private IntrusiveList<TurnWait> _line;

        public TurnWait? First => _line.First;

        public TaskCompletionSource? Nudge { get; set; }

        public LockStoreException? Failure { get; set; }

        /// <summary>Whether somebody has released the key since the contender last paused.</summary>
        public bool IsNudged { get; set; }

        public void AddLast(TurnWait wait)
        {
            wait.IsWaiting = true;
            _line.AddLast(wait);
        }

        public void Remove(TurnWait wait)
        {
            wait.IsWaiting = false;
            _line.Remove(wait);
        }
    }
}
