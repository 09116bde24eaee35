using System.Diagnostics;

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
internal abstract class Claim : ListItem
{
    /// <summary>The deadline of a lease that never expires.</summary>
    internal const long Never = long.MaxValue;

    private int _state;

    private long _deadline;

    /// <summary>Hash of the key, once the claim was given to a table.</summary>
    internal int Hash;

    /// <summary>Creates a claim.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="ttl">The lease, more than zero, or <see cref="Timeout.InfiniteTimeSpan"/>. Counts from the grant.</param>
    protected Claim(string key, TimeSpan ttl)
    {
        Key = key;
        Ttl = ttl;
    }

    /// <summary>The whole key.</summary>
    public string Key { get; }

    /// <summary>Who asks, for people.</summary>
    public abstract string Owner { get; }

    /// <summary>The id of this acquisition, unique to it: the same (by value) every time.</summary>
    public abstract string Id { get; }

    /// <summary>The lease; restarts with each extension.</summary>
    public TimeSpan Ttl { get; internal set; }

    /// <summary>Where it stands.</summary>
    public ClaimState State => (ClaimState)Volatile.Read(ref _state);

    /// <summary>The grant's number; 0 before the grant. Fixed before <see cref="OnGranted"/>.</summary>
    public long FencingToken { get; internal set; }

    /// <summary>When the claim came to the table, as a timestamp of the table's clock.</summary>
    public long ArrivedAt { get; internal set; }

    /// <summary>When it was granted, as a timestamp of the table's clock. The same as <see cref="ArrivedAt"/> when that was on
    /// arrival.</summary>
    public long GrantedAt { get; internal set; }

    /// <summary>When the lease ends unless it is extended, as a timestamp of the table's clock, or <see cref="Never"/>.</summary>
    public long Deadline
    {
        get => Volatile.Read(ref _deadline);
        internal set => Volatile.Write(ref _deadline, value);
    }

    /// <summary>The id if anybody can know it. Null spares the making of ids that nobody asks for.</summary>
    protected internal virtual string? KnownId => Id;

    /// <summary>Whether <see cref="OnExpired"/> is to come promptly (a timer is kept for it), not just when somebody looks.
    /// The same answer every time.</summary>
    protected internal virtual bool WantsPromptExpiry => false;

    /// <summary>Whether somebody must be told of the end (<see cref="AnnounceEnd"/>) before the place is given to anyone else. Asked
    /// under the gate.</summary>
    protected internal virtual bool MustAnnounceEnd => false;

    /// <summary>The time that no lease of this claim reaches beyond, as a timestamp; <see cref="Never"/> when there is none.</summary>
    protected internal virtual long LatestDeadline(TableClock clock) => Never;

    /// <summary>Whether the slow sweep is to look at this claim (<see cref="SweepUnsynchronized"/>) although it never expires.</summary>
    protected internal virtual bool IsSweptWithoutExpiry => false;

    /// <summary>What is known of the key that the claim holds or waits for; null when it does neither. Under the gate.</summary>
    internal KeyEntry? Entry { get; set; }

    /// <summary>Neighbours among the holders or among the waiters of the key. Under the gate.</summary>
    internal Claim? Next
    {
        get => (Claim?)After;
        set => After = value;
    }

    /// <inheritdoc cref="Next"/>
    internal Claim? Previous
    {
        get => (Claim?)Before;
        set => Before = value;
    }

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

    /// <summary>Something that <see cref="SweepUnsynchronized"/> asked to be told outside the gate.</summary>
    protected internal virtual void OnSwept()
    {
    }

    /// <summary>
    /// Tells that the claim has ended otherwise than by its holder. Called outside the gate before the place is given to anyone, possibly
    /// by several threads at once; when it returns to any of them, the telling is done and <see cref="MustAnnounceEnd"/> is false.
    /// </summary>
    protected internal virtual void AnnounceEnd()
    {
    }

    /// <summary>Asked under the gate when the deadline may have passed: a claim that renews itself moves <see cref="Deadline"/>
    /// here.</summary>
    protected internal virtual void RenewUnsynchronized(TableClock clock, long now)
    {
    }

    /// <summary>Called under the gate by the slow sweep, for each live holder.</summary>
    /// <returns>Whether <see cref="OnSwept"/> is to be called.</returns>
    protected internal virtual bool SweepUnsynchronized(TableClock clock, long now) => false;

    internal void MoveTo(ClaimState state)
    {
        Debug.Assert(
            (State, state) is (ClaimState.New, ClaimState.Waiting or ClaimState.Held)
                or (ClaimState.Waiting, ClaimState.Held or ClaimState.Withdrawn)
                or (ClaimState.Held, ClaimState.Released or ClaimState.Expired or ClaimState.Forced or ClaimState.Dropped),
            $"{State} → {state}");
        Volatile.Write(ref _state, (int)state);
    }
}
