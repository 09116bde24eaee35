namespace Locking.Providers;

/// <summary>A store's answer to an acquire: granted, or busy.</summary>
public readonly record struct AcquireReply
{
    /// <summary>Whether the holder has the lock.</summary>
    public bool IsGranted { get; private init; }

    /// <summary>The grant's number; null only from a foreign backend that has none.</summary>
    public long? FencingToken { get; private init; }

    /// <summary>
    /// Granted: how long the request stood in the backend's queue, by the backend's clock, between its arrival and the grant. The
    /// lease began no earlier than this time after the request was sent. Zero when it was granted on arrival, or when the
    /// backend cannot tell.
    /// </summary>
    public TimeSpan QueuedFor { get; private init; }

    /// <summary>Busy: what is left of the holder's lease; <see cref="Timeout.InfiniteTimeSpan"/> without expiry; null when
    /// unknown.</summary>
    public TimeSpan? HolderRemaining { get; private init; }

    /// <summary>Busy: whether the holder is a stranger, a client that will give no notice when it releases.</summary>
    public bool IsStranger { get; private init; }

    /// <summary>Busy: when the asker should ask again, where the store knows better than the engine, as one that keeps a line does; null:
    /// it does not.</summary>
    public TimeSpan? AskAgainIn { get; private init; }

    /// <summary>The holder has the lock.</summary>
    /// <param name="fencingToken">The grant's number.</param>
    /// <param name="queuedFor">See <see cref="QueuedFor"/>.</param>
    public static AcquireReply Granted(long? fencingToken, TimeSpan queuedFor = default) =>
        new() { IsGranted = true, FencingToken = fencingToken, QueuedFor = queuedFor };

    /// <summary>Somebody else has the lock.</summary>
    /// <param name="holderRemaining">See <see cref="HolderRemaining"/>.</param>
    /// <param name="isStranger">See <see cref="IsStranger"/>.</param>
    /// <param name="askAgainIn">See <see cref="AskAgainIn"/>.</param>
    public static AcquireReply Busy(TimeSpan? holderRemaining, bool isStranger = false, TimeSpan? askAgainIn = null) => new()
    {
        HolderRemaining = holderRemaining == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : holderRemaining,
        IsStranger = isStranger,
        AskAgainIn = askAgainIn,
    };
}
