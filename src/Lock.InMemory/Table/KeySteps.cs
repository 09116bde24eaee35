namespace Locking;

/// <summary>The parts of a step that are done with the stripe's gate taken.</summary>
internal sealed class KeySteps(TableClock clock, TokenCounter tokens)
{
    /// <summary>What a step does with its key, once the key is settled.</summary>
    public delegate TResult StepBody<TState, TResult>(KeySteps steps, Stripe stripe, KeyEntry? entry, TState state, long now)
        where TState : allows ref struct;

    /// <summary>One step on one key that is not on the hot path: settles the key first, tells what must be told, then does the body
    /// once.</summary>
    public TResult Step<TState, TResult>(
        Stripe stripe, string key, int hash, long now, TState state, StepBody<TState, TResult> body)
    {
        ClaimNotices notices = default;
        while (true)
        {
            Claim? ended = null;
            TResult result = default!;
            stripe.Gate.Enter();
            try
            {
                KeyEntry? entry = stripe.Find(key, hash);
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
                stripe.Leave();
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
    /// <returns>A claim that must be told of its end before its place can be given away; the step is then repeated. Null when all is
    /// settled.</returns>
    public Claim? SettleUnsynchronized(Stripe stripe, KeyEntry entry, long now, ref ClaimNotices notices)
    {
        for (Claim? claim = entry.Holders; claim is not null;)
        {
            Claim? next = claim.Next;
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

    public bool IsOverUnsynchronized(Claim claim, long now)
    {
        if (claim.State != ClaimState.Held)
            return true;
        if (claim.Deadline > now)
            return false;
        claim.RenewUnsynchronized(clock, now);
        if (claim.Deadline > now)
            return false;
        claim.MoveTo(ClaimState.Expired);
        return true;
    }

    public AcquireResult AcquireUnsynchronized(Stripe stripe, KeyEntry entry, Claim claim, in AcquireTerms terms, long now)
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

            return new AcquireResult(
                AcquireStatus.AlreadyQueued, earlier, HolderRemaining(entry, now), entry.HolderCount, entry.WaiterCount);
        }

        // After settling, a free place means that nobody waits: whoever comes now overtakes nobody.
        if (entry.HolderCount < entry.Max)
        {
            GrantUnsynchronized(stripe, entry, claim, now, 0);
            return new AcquireResult(AcquireStatus.Granted, claim, TimeSpan.Zero, entry.HolderCount, entry.WaiterCount);
        }

        if (!terms.Queue || (terms.MaxWaiters > 0 && entry.WaiterCount >= terms.MaxWaiters))
            return new AcquireResult(AcquireStatus.Busy, claim, HolderRemaining(entry, now), entry.HolderCount, entry.WaiterCount);
        KeyQueue queue = entry.GetQueue();
        claim.MoveTo(ClaimState.Waiting);
        queue.Add(claim, terms.Front);
        stripe.LookBy(queue, entry.FirstDeadline);
        return new AcquireResult(AcquireStatus.Queued, claim, HolderRemaining(entry, now), entry.HolderCount, queue.Count);
    }

    private TimeSpan HolderRemaining(KeyEntry entry, long now) => clock.Until(entry.FirstDeadline, now);

    public void GrantUnsynchronized(Stripe stripe, KeyEntry entry, Claim claim, long now, long token)
    {
        claim.GrantedAt = now;
        claim.FencingToken = token > 0 ? token : tokens.Next();
        claim.MoveTo(ClaimState.Held);
        entry.AddHolder(claim);
        entry.Queue?.Enlist(claim);
        RestartUnsynchronized(stripe, claim, claim.Ttl, now);
    }

    public void GrantWaitersUnsynchronized(Stripe stripe, KeyEntry entry, long now, ref ClaimNotices notices)
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

    public void RestartUnsynchronized(Stripe stripe, Claim claim, TimeSpan ttl, long now)
    {
        claim.Ttl = ttl;
        claim.Deadline = Math.Min(clock.DeadlineAfter(now, ttl), claim.LatestDeadline(clock));
        long pace = PaceOf(claim);
        if (pace < stripe.SweepPace)
            stripe.PaceSweep(pace, now);
        KeyEntry entry = claim.Entry!;
        if (entry.WaiterCount > 0 || claim.WantsPromptExpiry)
            stripe.LookBy(entry.GetQueue(), claim.Deadline);
    }

    public static void RemoveHolderUnsynchronized(KeyEntry entry, Claim claim)
    {
        entry.RemoveHolder(claim);
        entry.Queue?.Forget(claim);
    }

    public static bool RemoveIfIdleUnsynchronized(Stripe stripe, KeyEntry entry)
    {
        if (!entry.IsIdle)
            return false;
        stripe.Remove(entry);
        return true;
    }

    public static void WithdrawUnsynchronized(Stripe stripe, Claim claim)
    {
        KeyEntry entry = claim.Entry!;
        KeyQueue queue = entry.Queue!;
        queue.Remove(claim);
        queue.Forget(claim);
        claim.MoveTo(ClaimState.Withdrawn);
        RemoveIfIdleUnsynchronized(stripe, entry);
    }

    public int ForceUnsynchronized(KeyEntry entry, long now)
    {
        int count = 0;
        for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
        {
            if (IsOverUnsynchronized(claim, now))
                continue;
            claim.MoveTo(ClaimState.Forced);
            count++;
        }

        return count;
    }

    /// <summary>The lease that the sweep must be paced for because of this claim.</summary>
    public long PaceOf(Claim claim) =>
        claim.Deadline != Claim.Never || claim.IsSweptWithoutExpiry
            ? Math.Min(clock.ToUnits(claim.Ttl), clock.LongestSweepPace)
            : Claim.Never;
}
