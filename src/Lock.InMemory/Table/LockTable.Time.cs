namespace Locking;

/// <content>What time does by itself: grants to waiters, and the slow sweep.</content>
internal sealed partial class LockTable
{
    /// <summary>Buckets looked at in one go, so that the sweep never holds a gate for long.</summary>
    private const int SweepChunk = 1024;

    private static readonly TimeSpan ShortestSweep = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestSweep = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);
    private static readonly TimeSpan OneMillisecond = TimeSpan.FromMilliseconds(1);

    /// <summary>The slowest pace: for long leases, and for those that never expire but are looked at all the same.</summary>
    internal long LongestSweepPace { get; }

    /// <summary>A holder older than this is not young any more.</summary>
    internal long YouthUnits { get; }

    /// <summary>Time between sweeps for leases of this length: a third, within limits, and never so often that sweeping becomes work.</summary>
    internal long SweepPeriod(long ttl, int keys)
    {
        var period = Math.Clamp(ttl / 3, Clock.ToUnits(ShortestSweep), Clock.ToUnits(LongestSweep));
        return Math.Max(period, Clock.ToUnits(TimeSpan.FromMicroseconds(keys)));
    }

    /// <summary>Time until a timestamp for a timer: rounded up to its milliseconds, and not beyond what timers can do. At least one, so that no clock
    /// rings inside of the call that sets its timer, where a gate is held.</summary>
    internal TimeSpan TimerDue(long at)
    {
        TimeSpan due = Clock.Until(at, TimeProvider.GetTimestamp());
        return due >= LongestTimer ? LongestTimer : due <= OneMillisecond ? OneMillisecond : TimerSpan.For(due);
    }

    private long PaceOf(Claim claim) =>
        claim.Deadline != Claim.Never || claim.IsSweptWithoutExpiry ? Math.Min(Clock.ToUnits(claim.Ttl), LongestSweepPace) : Claim.Never;

    /// <summary>The stripe's timer has fired.</summary>
    internal void Wake(Stripe stripe)
    {
        var now = TimeProvider.GetTimestamp();
        stripe.Gate.Enter();
        stripe.TimerFired();
        var sweep = stripe.SweepAt <= now;
        if (sweep)
            stripe.BeginSweep();
        stripe.Gate.Exit();
        ServeDeadlines(stripe, now);
        if (sweep)
            Sweep(stripe, now);
        stripe.Gate.Enter();
        var setTimer = stripe.NeedsTimer();
        stripe.Gate.Exit();
        if (setTimer)
            stripe.SetTimer();
    }

    private void ServeDeadlines(Stripe stripe, long now)
    {
        while (true)
        {
            ClaimNotices notices = default;
            Claim? ended = null;
            stripe.Gate.Enter();
            var isDue = stripe.Deadlines.Earliest <= now;
            if (isDue)
            {
                var entry = stripe.Deadlines.First!.Entry;
                ended = SettleUnsynchronized(stripe, entry, now, ref notices);
                if (ended is null && !RemoveIfIdleUnsynchronized(stripe, entry))
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
        var queue = entry.Queue!;
        stripe.Deadlines.Remove(queue);
        var next = entry.WaiterCount > 0 ? entry.FirstDeadline : Claim.Never;
        for (var claim = entry.Holders; claim is not null; claim = claim.Next)
        {
            if (claim.WantsPromptExpiry)
                next = Math.Min(next, claim.Deadline);
        }

        stripe.LookBy(queue, next);
    }

    private void Sweep(Stripe stripe, long now)
    {
        var shortest = Claim.Never;
        var bucket = 0;
        var size = 0;
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

            var end = Math.Min(size, bucket + SweepChunk);
            while (bucket < end && ended is null && size == stripe.BucketCount)
            {
                ended = SweepBucketUnsynchronized(stripe, bucket, now, ref shortest, ref notices);
                if (ended is null)
                    bucket++;
            }

            var isThrough = ended is null && bucket >= size && size == stripe.BucketCount;
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
        for (var entry = stripe.Bucket(bucket); entry is not null;)
        {
            var next = entry.Next;
            for (var claim = entry.Holders; claim is not null; claim = claim.Next)
            {
                if (claim.State == ClaimState.Held && claim.SweepUnsynchronized(this, now))
                    notices.Add(claim, ClaimNotices.Kind.Swept);
            }

            if (SettleUnsynchronized(stripe, entry, now, ref notices) is { } ended)
                return ended;
            for (var claim = entry.Holders; claim is not null; claim = claim.Next)
            {
                shortest = Math.Min(shortest, PaceOf(claim));
            }

            // May shrink the table; the walk then starts again, and this chain is not followed any further.
            var size = stripe.BucketCount;
            RemoveIfIdleUnsynchronized(stripe, entry);
            if (size != stripe.BucketCount)
                return null;
            entry = next;
        }

        return null;
    }
}
