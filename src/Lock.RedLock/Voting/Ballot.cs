namespace Locking;

/// <summary>The answers of several nodes, awaited as one: until they decide, the time is up, or the caller gives up.</summary>
/// <remarks>Slow nodes are not waited for once the outcome is certain; what they answer later is told, so that it can be put
/// right.</remarks>
internal abstract class Ballot<T> : Alarm, INodeAnswers<T>
    where T : class
{
    private readonly Lock _gate = new();

    /// <summary>Whoever waits goes on where the deciding answer came, unless that thread has other answers to deliver.</summary>
    private readonly TaskCompletionSource _end = new();
    private readonly T?[] _answers;
    private Exception?[]? _faults;
    private AlarmClock? _alarms;
    private CancellationTokenRegistration _cancellation;
    private int _missing;
    private bool _isOver;

    /// <summary>Begins it, before anybody is asked.</summary>
    /// <param name="nodes">How many are asked.</param>
    protected Ballot(int nodes)
    {
        _answers = new T?[nodes];
        _missing = nodes;
    }

    /// <summary>The answers when the ballot ended, by place; null where there was none.</summary>
    public T?[] Answers => _answers;

    /// <summary>Ends with the ballot; time that is up is no failure.</summary>
    public Task End => _end.Task;

    /// <summary>Why there was no answer; null where there was one, or the time was up.</summary>
    public Exception? FaultOf(int place) => _faults?[place];

    /// <summary>Why there were no answers.</summary>
    public IEnumerable<Exception> Faults => _faults?.OfType<Exception>() ?? [];

    /// <summary>Limits it.</summary>
    /// <param name="limit">The longest wait.</param>
    /// <param name="alarms">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public void Limit(TimeSpan limit, AlarmClock alarms, CancellationToken cancellationToken)
    {
        _alarms = alarms;
        alarms.Set(this, alarms.Clock.TimestampIn(limit));
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (ballot, token) => ((Ballot<T>)ballot!).EndElsewhere(new OperationCanceledException(token)), this);
        }
    }

    /// <inheritdoc/>
    public void Answer(int place, T answer, bool isShared)
    {
        if (Count(place, answer, null, isShared))
            return;
        OnLate(place, answer);
    }

    /// <inheritdoc/>
    public void Fail(int place, Exception fault, bool isShared) => Count(place, null, fault, isShared);

    /// <summary>The time is up: who has not answered by now counts as silent.</summary>
    internal override void Ring() => EndElsewhere(null);

    /// <summary>Whether the answers so far decide.</summary>
    /// <param name="answers">By place.</param>
    /// <param name="missing">How many are still missing.</param>
    protected abstract bool IsDecided(T?[] answers, int missing);

    /// <summary>An answer came when the ballot had ended and was counted without it.</summary>
    protected virtual void OnLate(int place, T answer)
    {
    }

    /// <summary>Counts what a node has to say; false when the ballot was over.</summary>
    private bool Count(int place, T? answer, Exception? fault, bool isShared)
    {
        lock (_gate)
        {
            if (_isOver)
                return false;
            _answers[place] = answer;
            if (fault is not null)
                (_faults ??= new Exception?[_answers.Length])[place] = fault;
            _missing--;
            _isOver = _missing == 0 || IsDecided(_answers, _missing);
            if (!_isOver)
                return true;
        }

        if (isShared)
            ThreadPool.UnsafeQueueUserWorkItem(static ballot => ballot.Finish(null), this, preferLocal: false);
        else
            Finish(null);
        return true;
    }

    /// <summary>Ends it on the pool: here the alarm clock runs, or somebody's cancellation.</summary>
    private void EndElsewhere(Exception? why)
    {
        lock (_gate)
        {
            if (_isOver)
                return;
            _isOver = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static end => end.Ballot.Finish(end.Why), (Ballot: this, Why: why), preferLocal: false);
    }

    private void Finish(Exception? why)
    {
        _alarms?.Cancel(this);
        _cancellation.Unregister();
        if (why is OperationCanceledException cancelled)
            _end.SetCanceled(cancelled.CancellationToken);
        else
            _end.SetResult();
    }
}
