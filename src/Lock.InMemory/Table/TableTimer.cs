namespace Locking;

/// <summary>What time does by itself: grants to waiters, and the slow sweep.</summary>
internal sealed class TableTimer(TableClock clock, KeySteps steps)
{
    /// <summary>Buckets looked at in one go, so that the sweep never holds a gate for long.</summary>
    private const int SweepChunk = 1024;

    /// <summary>The stripe's timer has fired.</summary>
    public void Wake(Stripe stripe)
    {
        long now = clock.Now;
        stripe.Gate.Enter();
        stripe.TimerFired();
        bool sweep = stripe.SweepAt <= now;
        if (sweep)
            stripe.BeginSweep();
        stripe.Gate.Exit();
        ServeDeadlines(stripe, now);
        if (sweep)
            Sweep(stripe, now);
        stripe.Gate.Enter();
        stripe.Leave();
    }

    private void ServeDeadlines(Stripe stripe, long now)
    {
        while (true)
        {
            ClaimNotices notices = default;
            Claim? ended = null;
            stripe.Gate.Enter();
            bool isDue = stripe.Deadlines.Earliest <= now;
            if (isDue)
            {
                KeyEntry entry = stripe.Deadlines.First!.Entry;
                ended = steps.SettleUnsynchronized(stripe, entry, now, ref notices);
                if (ended is null && !KeySteps.RemoveIfIdleUnsynchronized(stripe, entry))
                    RescheduleUnsynchronized(stripe, entry);
                stripe.AssertInvariants(null);
            }

            stripe.Gate.Exit();
            ended?.AnnounceEnd();
            notices.Deliver();
            if (!isDue)
                return;
        }
    }

    private static void RescheduleUnsynchronized(Stripe stripe, KeyEntry entry)
    {
        KeyQueue queue = entry.Queue!;
        stripe.Deadlines.Remove(queue);
        long next = entry.WaiterCount > 0 ? entry.FirstDeadline : Claim.Never;
        for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
        {
            if (claim.WantsPromptExpiry)
                next = Math.Min(next, claim.Deadline);
        }

        stripe.LookBy(queue, next);
    }

    private void Sweep(Stripe stripe, long now)
    {
        long shortest = Claim.Never;
        int bucket = 0;
        int size = 0;
        while (true)
        {
            ClaimNotices notices = default;
            Claim? ended = null;
            stripe.Gate.Enter();

            // A table that has grown or shrunk meanwhile is walked again from the start: looking twice does no harm.
            if (size != stripe.BucketCount)
            {
                size = stripe.BucketCount;
                bucket = 0;
                shortest = Claim.Never;
            }

            int end = Math.Min(size, bucket + SweepChunk);
            while (bucket < end && ended is null && size == stripe.BucketCount)
            {
                ended = SweepBucketUnsynchronized(stripe, bucket, now, ref shortest, ref notices);
                if (ended is null)
                    bucket++;
            }

            bool isThrough = ended is null && bucket >= size && size == stripe.BucketCount;
            if (isThrough)
                stripe.EndSweep(shortest, now);
            stripe.AssertInvariants(null);
            stripe.Gate.Exit();
            ended?.AnnounceEnd();
            notices.Deliver();
            if (isThrough)
                return;
        }
    }

    private Claim? SweepBucketUnsynchronized(Stripe stripe, int bucket, long now, ref long shortest, ref ClaimNotices notices)
    {
        for (KeyEntry? entry = stripe.Bucket(bucket); entry is not null;)
        {
            KeyEntry? next = entry.Next;
            for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
            {
                if (claim.State == ClaimState.Held && claim.SweepUnsynchronized(clock, now))
                    notices.Add(claim, ClaimNotices.Kind.Swept);
            }

            if (steps.SettleUnsynchronized(stripe, entry, now, ref notices) is { } ended)
                return ended;
            for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
            {
                shortest = Math.Min(shortest, steps.PaceOf(claim));
            }

            // May shrink the table; the walk then starts again, and this chain is not followed any further.
            int size = stripe.BucketCount;
            KeySteps.RemoveIfIdleUnsynchronized(stripe, entry);
            if (size != stripe.BucketCount)
                return null;
            entry = next;
        }

        return null;
    }
}
