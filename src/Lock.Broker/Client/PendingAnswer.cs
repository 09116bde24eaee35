using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>One request that waits for its answer. The first outcome counts.</summary>
/// <remarks>What waits goes on where <see cref="Execute"/> is called: on the thread pool, never on a thread that others need.</remarks>
internal sealed class PendingAnswer : IValueTaskSource<BrokerAnswer>, IThreadPoolWorkItem
{
    private ManualResetValueTaskSourceCore<BrokerAnswer> _source;
    private BrokerAnswer _answer;
    private Exception? _fault;
    private int _isDecided;

    /// <summary>Who asked, where that is a thread of the engine's own; else null.</summary>
    private readonly StoreThread? _asker = StoreThread.Current;

    public PendingAnswer(long number, AcquireRequest? acquire, bool waits)
    {
        Number = number;
        Acquire = acquire;
        Waits = waits;
    }

    public long Number { get; }

    /// <summary>What is acquired, where the request is one.</summary>
    public AcquireRequest? Acquire { get; }

    /// <summary>It stands in the broker's queue, and is asked again when a connection breaks.</summary>
    public bool Waits { get; }

    /// <summary>The answer; to be awaited once.</summary>
    public ValueTask<BrokerAnswer> Answer => new(this, _source.Version);

    /// <summary>The outcome is the broker's answer, and no connection knows the request any more.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>The next one that was answered in the same batch.</summary>
    public PendingAnswer? NextAnswered { get; set; }

    /// <summary>The broker has confirmed the place in the queue: the next answer may take for ever.</summary>
    public bool IsQueued { get; set; }

    /// <summary>The time to wait is over, and the place was given up.</summary>
    public bool IsGivenUp { get; set; }

    /// <summary>When it was last sent.</summary>
    public long SentAt { get; set; }

    /// <summary>Published brokers: the times of the requests that have no answer yet, oldest first.</summary>
    public Queue<long> Sends => field ??= [];

    /// <summary>Published brokers: the lock was not granted before this time.</summary>
    public long NotGrantedBefore { get; set; }

    /// <summary>Published brokers: when it was last repeated, and how often.</summary>
    public long LastSend { get; set; }

    /// <inheritdoc cref="LastSend"/>
    public int Repeats { get; set; }

    /// <summary>Published brokers: whether the lease that is to be released may still live.</summary>
    public bool MayUnlock { get; init; }

    /// <summary>What a listing has brought so far.</summary>
    public List<LockInfo> Items => field ??= [];

    /// <summary>Decides the outcome; whoever gets true calls <see cref="Execute"/>, or lets the pool do it.</summary>
    public bool TryDecide(BrokerAnswer answer)
    {
        if (Interlocked.Exchange(ref _isDecided, 1) != 0)
            return false;
        _answer = answer;
        return true;
    }

    /// <summary>Decides the outcome; what waits goes on on the pool.</summary>
    public void TrySetResult(BrokerAnswer answer)
    {
        if (TryDecide(answer))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc cref="TrySetResult"/>
    public void TrySetException(Exception exception)
    {
        if (Interlocked.Exchange(ref _isDecided, 1) != 0)
            return;
        _fault = exception;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Goes on with what waits for the outcome, here if that is only the engine, else on the pool.</summary>
    public void GoOnWithoutThePool()
    {
        if (_asker is { } asker)
            asker.Continue(static pending => pending.Execute(), this);
        else
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Goes on with what waits for the outcome.</summary>
    public void Execute()
    {
        if (_fault is not null)
            _source.SetException(_fault);
        else
            _source.SetResult(_answer);
    }

    BrokerAnswer IValueTaskSource<BrokerAnswer>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<BrokerAnswer>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<BrokerAnswer>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
