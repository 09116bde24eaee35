namespace Locking;

/// <content>The way of a lock that nobody else wants: what its speed is made of.</content>
internal sealed partial class LockTable
{
    /// <summary>Takes the lock if nobody holds it or waits for it, without looking for another claim of the same id.</summary>
    /// <param name="claim">The claim: with an id that nobody else can have.</param>
    /// <param name="now">The time, as a timestamp.</param>
    /// <param name="ttl">The claim's lease in units of the timestamp.</param>
    /// <returns>False when there is something to look at; nothing has changed then.</returns>
    internal bool TryAcquireIdle(Claim claim, long now, long ttl)
    {
        string key = claim.Key;
        Stripe stripe = StripeOf(claim, key);

        // Where waiters come and go, the second look under the gate would be paid every time.
        if (Volatile.Read(ref stripe.BusyHash) == claim.Hash)
            return false;
        stripe.Gate.Enter();
        if (stripe.Find(key, claim.Hash) is not null)
        {
            stripe.BusyHash = claim.Hash;
            stripe.Gate.Exit();
            return false;
        }

        KeyEntry entry = stripe.Add(key, claim.Hash);
        claim.ArrivedAt = claim.GrantedAt = now;
        claim.Deadline = ttl == Claim.Never ? Claim.Never : now + ttl;
        claim.FencingToken = _tokens.Next();
        claim.MoveTo(ClaimState.Held);
        entry.AddHolder(claim);
        bool setTimer = false;
        long pace = Math.Min(ttl, Clock.LongestSweepPace);
        if (pace < stripe.SweepPace)
        {
            stripe.PaceSweep(pace, now);
            setTimer = stripe.NeedsTimer();
        }

        stripe.AssertInvariants(entry);
        stripe.Gate.Exit();
        if (setTimer)
            stripe.SetTimer();
        return true;
    }

    /// <summary>Whether somebody waits behind this holder, as far as can be seen without the gate: a hint.</summary>
    internal static bool SeemsAwaited(Claim claim) => claim.Entry is { Queue.Count: > 0 };

    /// <summary>Gives a claim back if it is the only one on its key and its deadline is ahead.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="now">The time; 0 when the lease cannot have run out.</param>
    /// <returns>False when there is something to look at; nothing has changed then.</returns>
    internal bool TryReleaseAlone(Claim claim, long now)
    {
        Stripe stripe = _stripes.Of(claim.Hash);
        stripe.Gate.Enter();
        if (claim.State != ClaimState.Held || claim.Deadline <= now || claim.Entry is not { HolderCount: 1, WaiterCount: 0 } entry)
        {
            stripe.Gate.Exit();
            return false;
        }

        claim.MoveTo(ClaimState.Released);
        KeySteps.RemoveHolderUnsynchronized(entry, claim);
        stripe.Remove(entry);
        stripe.Gate.Exit();
        return true;
    }
}
