namespace Locking;

/// <summary>Who holds a lock, as the backend answered. For people and diagnostics.</summary>
/// <param name="Key">The whole key.</param>
/// <param name="Id">The id of the grant; with it the lock can be released or extended.</param>
/// <param name="Owner">Who took it, or empty when the holder did not say (a client of another library).</param>
/// <param name="FencingToken">The grant's number, or null when the backend has none for it.</param>
/// <param name="Remaining">What is left of the lease by the backend's clock; <see cref="Timeout.InfiniteTimeSpan"/> without expiry.</param>
public sealed record LockInfo(string Key, string Id, string Owner, long? FencingToken, TimeSpan Remaining);
