namespace Locking;

/// <content>The parts of a step that are done with the stripe's gate taken.</content>
internal sealed partial class LockTable
{
    private delegate TResult StepBody<TState, TResult>(LockTable table, Stripe stripe, KeyEntry? entry, TState state, long now)
        where TState : allows ref struct;

    /// <summary>One step on one key that is not on the hot path: settles the key first, tells what must be told, then does the body once.</summary>
    private TResult Step<TState, TResult>(
        Stripe stripe, string key, int hash, long now, TState state, StepBody<TState, TResult> body)
    {
        ClaimNotices notices = default;
        while (true)
        {
            Claim? ended = null;
            var result = default(TResult)!;
            stripe.Gate.Enter();
            try
            {
                var entry = stripe.Find(key, hash);
                if (entry is not null)
                    ended = SettleUnsynchronized(stripe, entry, now, ref notices);
                if (ended is null)
                {
                    if (entry is not null && RemoveIfIdleUnsynchronized(stripe, entry))
                        entry = null;
                    result = body(this, stripe, entry, state, now);
                    stripe.AssertInvariants(entry);
                }
            }
            finally
            {
                var setTimer = stripe.NeedsTimer();
                stripe.Gate.Exit();
                if (setTimer)
                    stripe.SetTimer();
            }

            if (ended is null)
            {
                notices.Deliver();
                return result;
            }

            ended.AnnounceEnd();
        }
    }

    /// <summary>Ends what has run out or was taken away, and gives its place to the next waiters.</summary>
    /// <returns>A claim that must be told of its end before its place can be given away; the step is then repeated. Null when all is settled.</returns>
    private Claim? SettleUnsynchronized(Stripe stripe, KeyEntry entry, long now, ref ClaimNotices notices)
    {
        for (var claim = entry.Holders; claim is not null;)
        {
            var next = claim.Next;
            if (IsOverUnsynchronized(claim, now))
            {
                if (claim.State != ClaimState.Released && claim.MustAnnounceEnd)
                    return claim;
                RemoveHolderUnsynchronized(entry, claim);
                if (claim.State == ClaimState.Expired)
                    notices.Add(claim, ClaimNotices.Kind.Expired);
                else if (claim.State == ClaimState.Forced)
                    notices.Add(claim, ClaimNotices.Kind.Forced);
            }

            claim = next;
        }

        GrantWaitersUnsynchronized(stripe, entry, now, ref notices);
        return null;
    }

    private bool IsOverUnsynchronized(Claim claim, long now)
    {
        if (claim.State != ClaimState.Held)
            return true;
        if (claim.Deadline > now)
            return false;
        claim.RenewUnsynchronized(this, now);
        if (claim.Deadline > now)
            return false;
        claim.MoveTo(ClaimState.Expired);
        return true;
    }

    private AcquireResult AcquireUnsynchronized(Stripe stripe, KeyEntry entry, Claim claim, in AcquireTerms terms, long now)
    {
        if (!entry.IsIdle && claim.KnownId is { } id && entry.Find(id) is { } earlier)
        {
            if (earlier.State == ClaimState.Held)
            {
                RestartUnsynchronized(stripe, earlier, claim.Ttl, now);
                return new AcquireResult(AcquireStatus.AlreadyHeld, earlier, TimeSpan.Zero, entry.HolderCount, entry.WaiterCount);
            }

            earlier.Ttl = claim.Ttl;
            if (terms.Front && entry.Queue is { } places && places.Head != earlier)
            {
                places.Remove(earlier);
                places.Add(earlier, front: true);
            }

            return new AcquireResult(AcquireStatus.AlreadyQueued, earlier, HolderRemaining(entry, now), entry.HolderCount, entry.WaiterCount);
        }

        // After settling, a free place means that nobody waits: whoever comes now overtakes nobody.
        if (entry.HolderCount < entry.Max)
        {
            GrantUnsynchronized(stripe, entry, claim, now, 0);
            return new AcquireResult(AcquireStatus.Granted, claim, TimeSpan.Zero, entry.HolderCount, entry.WaiterCount);
        }

        if (!terms.Queue || (terms.MaxWaiters > 0 && entry.WaiterCount >= terms.MaxWaiters))
            return new AcquireResult(AcquireStatus.Busy, claim, HolderRemaining(entry, now), entry.HolderCount, entry.WaiterCount);
        var queue = entry.GetQueue();
        claim.MoveTo(ClaimState.Waiting);
        queue.Add(claim, terms.Front);
        stripe.LookBy(queue, entry.FirstDeadline);
        return new AcquireResult(AcquireStatus.Queued, claim, HolderRemaining(entry, now), entry.HolderCount, queue.Count);
    }

    private TimeSpan HolderRemaining(KeyEntry entry, long now) => Clock.Until(entry.FirstDeadline, now);

    private void GrantUnsynchronized(Stripe stripe, KeyEntry entry, Claim claim, long now, long token)
    {
        claim.GrantedAt = now;
        claim.FencingToken = token > 0 ? token : Interlocked.Increment(ref _lastToken);
        claim.MoveTo(ClaimState.Held);
        entry.AddHolder(claim);
        entry.Queue?.Enlist(claim);
        RestartUnsynchronized(stripe, claim, claim.Ttl, now);
    }

    private void GrantWaitersUnsynchronized(Stripe stripe, KeyEntry entry, long now, ref ClaimNotices notices)
    {
        if (entry.Queue is not { } queue)
            return;
        while (queue.Head is { } waiter && entry.HolderCount < entry.Max)
        {
            queue.Remove(waiter);
            GrantUnsynchronized(stripe, entry, waiter, now, 0);
            notices.Add(waiter, ClaimNotices.Kind.Granted);
        }

        if (queue.Count > 0)
            stripe.LookBy(queue, entry.FirstDeadline);
    }

    private void RestartUnsynchronized(Stripe stripe, Claim claim, TimeSpan ttl, long now)
    {
        claim.Ttl = ttl;
        claim.Deadline = Math.Min(Clock.DeadlineAfter(now, ttl), claim.LatestDeadline(this));
        var pace = PaceOf(claim);
        if (pace < stripe.SweepPace)
            stripe.PaceSweep(pace, now);
        var entry = claim.Entry!;
        if (entry.WaiterCount > 0 || claim.WantsPromptExpiry)
            stripe.LookBy(entry.GetQueue(), claim.Deadline);
    }

    private static void RemoveHolderUnsynchronized(KeyEntry entry, Claim claim)
    {
        entry.RemoveHolder(claim);
        entry.Queue?.Forget(claim);
    }

    private static bool RemoveIfIdleUnsynchronized(Stripe stripe, KeyEntry entry)
    {
        if (!entry.IsIdle)
            return false;
        stripe.Remove(entry);
        return true;
    }

    private static void WithdrawUnsynchronized(Stripe stripe, Claim claim)
    {
        var entry = claim.Entry!;
        var queue = entry.Queue!;
        queue.Remove(claim);
        queue.Forget(claim);
        claim.MoveTo(ClaimState.Withdrawn);
        RemoveIfIdleUnsynchronized(stripe, entry);
    }

    /// <summary>Ends a claim as it is asked.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="state">What a holder becomes: Released, or Dropped, which is announced first.</param>
    /// <param name="now">The time; 0 when the lease cannot have run out and the clock need not be read unless somebody waits.</param>
    /// <param name="waiters">How many waited for the key when the claim had left and before the grants that this causes.</param>
    /// <param name="notices">The grants this causes.</param>
    internal ClaimState End(Claim claim, ClaimState state, long now, out int waiters, out ClaimNotices notices)
    {
        waiters = 0;
        notices = default;
        var result = ClaimState.New;
        var stripe = StripeOf(claim.Hash);
        while (true)
        {
            Claim? ended = null;
            var mustKnowTime = false;
            stripe.Gate.Enter();
            if (result == ClaimState.New)
            {
                result = claim.State;
                if (result == ClaimState.Held && now != 0 && IsOverUnsynchronized(claim, now))
                    result = ClaimState.Expired;
                else if (result == ClaimState.Waiting)
                    WithdrawUnsynchronized(stripe, claim);
                else if (result == ClaimState.Held)
                    claim.MoveTo(state);
            }

            // The entry stays while the claim is linked; another thread may have unlinked it while this one told of its end.
            if (claim.Entry is { } entry)
            {
                if (now == 0 && entry.WaiterCount > 0)
                {
                    mustKnowTime = true;
                }
                else if (claim.State != ClaimState.Released && claim.MustAnnounceEnd)
                {
                    ended = claim;
                }
                else
                {
                    waiters = entry.WaiterCount;
                    RemoveHolderUnsynchronized(entry, claim);
                    if (claim.State == ClaimState.Expired)
                        notices.Add(claim, ClaimNotices.Kind.Expired);
                    else if (claim.State == ClaimState.Forced)
                        notices.Add(claim, ClaimNotices.Kind.Forced);
                    GrantWaitersUnsynchronized(stripe, entry, now, ref notices);
                    RemoveIfIdleUnsynchronized(stripe, entry);
                }
            }

            stripe.AssertInvariants(null);
            var setTimer = stripe.NeedsTimer();
            stripe.Gate.Exit();
            if (setTimer)
                stripe.SetTimer();
            if (mustKnowTime)
                now = TimeProvider.GetTimestamp();
            else if (ended is not null)
                ended.AnnounceEnd();
            else
                return result;
        }
    }

    private int ForceUnsynchronized(KeyEntry entry, long now)
    {
        var count = 0;
        for (var claim = entry.Holders; claim is not null; claim = claim.Next)
        {
            if (IsOverUnsynchronized(claim, now))
                continue;
            claim.MoveTo(ClaimState.Forced);
            count++;
        }

        return count;
    }
}
