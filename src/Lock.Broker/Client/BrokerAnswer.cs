namespace Locking;

/// <summary>What a broker said to one request.</summary>
internal enum AnswerKind
{
    /// <summary>No answer came: the connection ended first.</summary>
    Lost = 0,

    /// <summary>The lock is granted.</summary>
    Granted,

    /// <summary>Somebody else has it, and no place is kept.</summary>
    Busy,

    /// <summary>The step was done.</summary>
    Done,

    /// <summary>Somebody else holds the lock.</summary>
    Other,

    /// <summary>Nobody holds the lock.</summary>
    None,

    /// <summary>The broker has come back after a crash: whoever holds the lock may still reclaim it.</summary>
    NotKnownYet,

    /// <summary>One record.</summary>
    Info,

    /// <summary>What the broker says about itself.</summary>
    Status,

    /// <summary>The broker did not do it, and says why.</summary>
    Refused,
}

/// <summary>A broker's answer.</summary>
internal readonly record struct BrokerAnswer(AnswerKind Kind)
{
    public long? Token { get; init; }

    /// <summary>Granted: time in the queue since the request was last sent.</summary>
    public TimeSpan Queued { get; init; }

    /// <summary>Busy: what is left of the holder's lease. Status: of the wait after a crash. Not known yet: how long until it will be.</summary>
    public TimeSpan? Remaining { get; init; }

    public LockInfo? Info { get; init; }

    /// <summary>Refused: why. Status: the words of <see cref="StatusWords"/> that apply, with spaces between them.</summary>
    public string? Error { get; init; }
}

/// <summary>One request that waits for its answer.</summary>
internal sealed class PendingAnswer : TaskCompletionSource<BrokerAnswer>
{
    public PendingAnswer(long number, AcquireRequest? acquire, bool waits)
        : base(TaskCreationOptions.RunContinuationsAsynchronously)
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

    /// <summary>The broker has confirmed the place in the queue: the next answer may take for ever.</summary>
    public bool IsQueued { get; set; }

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
}
