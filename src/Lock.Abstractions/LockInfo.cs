namespace Locking;

/// <summary>Who holds a lock, as the backend answered. For people and diagnostics.</summary>
/// <param name="Key">The whole key.</param>
/// <param name="Id">The id of the grant; with it the lock can be released or extended.</param>
/// <param name="Owner">Who took it, or empty when the holder did not say (a client of another library).</param>
/// <param name="FencingToken">The grant's number, or null when the backend has none for it.</param>
/// <param name="Remaining">What is left of the lease by the backend's clock; <see cref="TimeSpan.MaxValue"/> without expiry.</param>
public sealed record LockInfo(string Key, string Id, string Owner, long? FencingToken, TimeSpan Remaining)
{
    /// <summary>What is left of the lease by the backend's clock; <see cref="TimeSpan.MaxValue"/> without expiry, which no span
    /// exceeds.</summary>
    /// <remarks>No timer takes that value: limit it before it becomes a delay. <see cref="Timeout.InfiniteTimeSpan"/> is taken for
    /// it.</remarks>
    public TimeSpan Remaining { get; init => field = Longest(value); } = Longest(Remaining);

    private static TimeSpan Longest(TimeSpan remaining) => remaining == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : remaining;
}
