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

    /// <summary>The broker has come back without knowing all that was held: whoever holds the lock may still reclaim it.</summary>
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

    /// <summary>Busy: what is left of the holder's lease. Status: of the pause at the start. Not known yet: how long until it will
    /// be.</summary>
    public TimeSpan? Remaining { get; init; }

    public LockInfo? Info { get; init; }

    /// <summary>Refused: why. Status: the words of <see cref="StatusWords"/> that apply, with spaces between them.</summary>
    public string? Error { get; init; }
}
