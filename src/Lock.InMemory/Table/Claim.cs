namespace Locking;

/// <summary>One holder or waiter of one key: the same object from the request to the end.</summary>
/// <remarks>
/// <para>Derive from it to hear what becomes of it. One object is used for one acquisition.</para>
/// <para>
/// The <c>On…</c> methods are called at most once each, on whatever thread caused the change, never while a gate is taken. Two of them may
/// come from two threads, so that <see cref="OnExpired"/> can be seen before <see cref="OnGranted"/> has returned;
/// <see cref="State"/> is always right. They must not throw and should return at once.
/// </para>
/// </remarks>
internal abstract partial class Claim
{
    /// <summary>Creates a claim.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="owner">Who asks, for people.</param>
    /// <param name="ttl">The lease, more than zero, or <see cref="Timeout.InfiniteTimeSpan"/>. Counts from the grant.</param>
    protected Claim(string key, string owner, TimeSpan ttl)
    {
        Key = key;
        Owner = owner;
        Ttl = ttl;
    }

    /// <summary>The whole key.</summary>
    public string Key { get; }

    /// <summary>Who asks, for people.</summary>
    public string Owner { get; }

    /// <summary>The id of this acquisition. Compared by <see cref="LockTable"/>; the same string (by value) every time.</summary>
    public abstract string Id { get; }

    /// <summary>The lease; restarts with each extension. Settable only before the claim is given to a table.</summary>
    public TimeSpan Ttl { get; internal set; }

    /// <summary>Where it stands.</summary>
    public ClaimState State { get; }

    /// <summary>The grant's number; 0 before the grant. Fixed before <see cref="OnGranted"/>.</summary>
    public long FencingToken { get; }

    /// <summary>How long it stood in the queue before the grant; zero when it was granted on arrival.</summary>
    public TimeSpan QueuedFor { get; }

    /// <summary>Whether <see cref="OnExpired"/> is to come promptly (a timer is kept for it), not just when somebody looks.</summary>
    protected internal virtual bool WantsPromptExpiry => false;

    /// <summary>A queued claim was granted. Not called for a grant on arrival.</summary>
    protected internal virtual void OnGranted()
    {
    }

    /// <summary>The lease ran out and its place is free. Also when a renewal that the claim does itself has ended.</summary>
    protected internal virtual void OnExpired()
    {
    }

    /// <summary>The lock was taken away by <see cref="LockTable.Force(string, out ClaimNotices)"/>.</summary>
    protected internal virtual void OnForced()
    {
    }
}
