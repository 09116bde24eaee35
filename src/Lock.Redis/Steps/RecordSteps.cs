using StackExchange.Redis;

namespace Locking;

/// <summary>The steps of a store, put together for one layout of the lock record.</summary>
internal abstract class RecordSteps
{
    protected static readonly RedisValue NoExpiry = -1;

    /// <summary>Takes the lock, or asks for it again.</summary>
    /// <param name="request">Who asks for what.</param>
    /// <param name="waits">Whether the holder listens for a notice.</param>
    /// <param name="sentAt">When it is asked.</param>
    public abstract StoreStepCall Acquire(AcquireRequest request, bool waits, long sentAt);

    /// <summary>Restarts a lease.</summary>
    public abstract StoreStepCall Extend(string key, string holderId, TimeSpan ttl);

    /// <summary>Ends a lease, or gives up a place in line.</summary>
    public abstract StoreStepCall Release(string key, string holderId);

    /// <summary>Ends whatever holds the lock.</summary>
    public abstract StoreStepCall Force(string key);

    /// <summary>Reads a lease.</summary>
    public abstract StoreStepCall Get(string key);

    /// <summary>Learns from a grant.</summary>
    /// <param name="call">What was sent.</param>
    /// <param name="request">Who asked for what.</param>
    /// <param name="token">The token.</param>
    /// <param name="isDrawn">Whether it was drawn now, and not before for the same holder.</param>
    /// <param name="sentAt">When it was asked.</param>
    public virtual void Learn(in StoreStepCall call, AcquireRequest request, long token, bool isDrawn, long sentAt)
    {
    }

    /// <summary>The note of a grant, by which its lease can be ended for less; null where there is none.</summary>
    public virtual GrantNote? TakeNote(string key, string holderId) => null;

    /// <summary>Whole milliseconds, rounded up: the server's lease is never shorter than the one asked for.</summary>
    public static long Milliseconds(TimeSpan span) => TimerSpan.WholeMilliseconds(span);

    /// <summary>A ttl as the scripts know it.</summary>
    public static RedisValue TtlValue(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? NoExpiry : Milliseconds(ttl);

    /// <summary>How long a fence lives at the most: as long as the lease that it was written for, and the retention behind it.</summary>
    public static long FenceLife(TimeSpan ttl, TimeSpan retention) =>
        ttl == Timeout.InfiniteTimeSpan ? 0 : Milliseconds(ttl) + Milliseconds(retention);
}
