using System.Diagnostics;
using System.Numerics;

namespace Locking;

/// <summary>A keyed FIFO lock with TTL, owner and fencing token: the state behind the in-memory backend and behind the broker.</summary>
/// <remarks>
/// <para>Thread-safe. Every method is one atomic step. Nothing is kept of a key that nobody holds or waits for.</para>
/// <para>
/// Each step comes in two forms: one that makes the callbacks it causes before it returns, and one that hands them out
/// (<see cref="ClaimNotices"/>) so that the caller can do something first.
/// </para>
/// <para>
/// A lease whose deadline has passed is over when somebody looks: an acquirer takes over at once, a waiter is granted by a timer that
/// exists only while waiters or prompt callbacks need it, and a slow sweep frees what nobody asks for.
/// </para>
/// </remarks>
internal sealed partial class LockTable : IDisposable
{
    private readonly Stripe[] _stripes;
    private readonly int _stripeShift;
    private long _lastToken;

    /// <summary>Creates an empty table. Tokens start at the wall clock's microseconds.</summary>
    public LockTable(TimeProvider timeProvider)
    {
        TimeProvider = timeProvider = SystemClock.InPlaceOf(timeProvider);
        _lastToken = Math.Max(0, (timeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
        Clock = new TableClock(timeProvider);
        LongestSweepPace = Clock.ToUnits(LongestSweep) * 3;
        YouthUnits = Clock.ToUnits(ShortestSweep);
        var stripes = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount * 4, 8, 64));
        _stripeShift = 32 - BitOperations.Log2((uint)stripes);
        _stripes = new Stripe[stripes];
        for (var i = 0; i < stripes; i++)
            _stripes[i] = new Stripe(this);
    }

    /// <summary>The only clock.</summary>
    public TimeProvider TimeProvider { get; }

    /// <summary>The last fencing token that was given out (or the seed).</summary>
    public long LastToken => Volatile.Read(ref _lastToken);

    /// <summary>How many keys are held or waited for (leases that ran out and that nobody has met yet among them).</summary>
    public int KeyCount
    {
        get
        {
            var count = 0;
            foreach (var stripe in _stripes)
            {
                stripe.Gate.Enter();
                count += stripe.Count;
                stripe.Gate.Exit();
            }

            return count;
        }
    }

    /// <summary>How many buckets there are, for tests: they follow the keys in use.</summary>
    internal int Capacity
    {
        get
        {
            var capacity = 0;
            foreach (var stripe in _stripes)
            {
                stripe.Gate.Enter();
                capacity += stripe.BucketCount;
                stripe.Gate.Exit();
            }

            return capacity;
        }
    }

    internal TableClock Clock { get; }

    /// <summary>Makes every later token greater than <paramref name="last"/>. Never lowers it. Below 2^53.</summary>
    public void RaiseTokens(long last)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(last, 1L << 53);
        var seen = LastToken;
        while (seen < last)
        {
            var was = Interlocked.CompareExchange(ref _lastToken, last, seen);
            if (was == seen)
                return;
            seen = was;
        }
    }

    /// <summary>Takes the lock, or a place in the queue, or neither.</summary>
    /// <remarks>
    /// A claim with the same id that holds the key gets a fresh TTL (of the new claim's length) and keeps its token; one that waits keeps
    /// its place. In both cases the given claim is not used: the older one is in the result.
    /// An expired holder that is met on the way is over, and its place free.
    /// </remarks>
    public AcquireResult Acquire(Claim claim, in AcquireTerms terms, out ClaimNotices notices) =>
        Acquire(claim, terms, TimeProvider.GetTimestamp(), out notices);

    /// <inheritdoc cref="Acquire(Claim, in AcquireTerms, out ClaimNotices)"/>
    internal AcquireResult Acquire(Claim claim, in AcquireTerms terms, long now, out ClaimNotices notices)
    {
        notices = default;
        if (claim.ArrivedAt == 0)
            claim.ArrivedAt = now;
        var stripe = StripeOf(claim, claim.Key);
        while (true)
        {
            Claim? ended;
            AcquireResult result = default;
            stripe.Gate.Enter();
            var entry = stripe.Find(claim.Key, claim.Hash);
            if (entry is null)
            {
                entry = stripe.Add(claim.Key, claim.Hash);
                ended = null;
            }
            else
            {
                ended = SettleUnsynchronized(stripe, entry, now, ref notices);
            }

            if (ended is null)
            {
                if (terms.Max > 0 && terms.Max != entry.Max)
                {
                    entry.Max = terms.Max;
                    GrantWaitersUnsynchronized(stripe, entry, now, ref notices);
                }

                result = AcquireUnsynchronized(stripe, entry, claim, terms, now);
            }

            stripe.AssertInvariants(entry);
            var setTimer = stripe.NeedsTimer();
            stripe.Gate.Exit();
            if (setTimer)
                stripe.SetTimer();
            if (ended is null)
                return result;
            ended.AnnounceEnd();
        }
    }

    /// <inheritdoc cref="Acquire(Claim, in AcquireTerms, out ClaimNotices)"/>
    public AcquireResult Acquire(Claim claim, in AcquireTerms terms)
    {
        var result = Acquire(claim, terms, out var notices);
        notices.Deliver();
        return result;
    }

    /// <summary>Takes the lock if nobody holds it or waits for it, without looking for another claim of the same id.</summary>
    /// <param name="claim">The claim: with an id that nobody else can have.</param>
    /// <param name="now">The time, as a timestamp.</param>
    /// <param name="ttl">The claim's lease in units of the timestamp.</param>
    /// <returns>False when there is something to look at; nothing has changed then.</returns>
    internal bool TryAcquireIdle(Claim claim, long now, long ttl)
    {
        var key = claim.Key;
        var stripe = StripeOf(claim, key);

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

        var entry = stripe.Add(key, claim.Hash);
        claim.ArrivedAt = claim.GrantedAt = now;
        claim.Deadline = ttl == Claim.Never ? Claim.Never : now + ttl;
        claim.FencingToken = Interlocked.Increment(ref _lastToken);
        claim.MoveTo(ClaimState.Held);
        entry.AddHolder(claim);
        var setTimer = false;
        var pace = Math.Min(ttl, LongestSweepPace);
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
        var stripe = StripeOf(claim.Hash);
        stripe.Gate.Enter();
        if (claim.State != ClaimState.Held || claim.Deadline <= now || claim.Entry is not { HolderCount: 1, WaiterCount: 0 } entry)
        {
            stripe.Gate.Exit();
            return false;
        }

        claim.MoveTo(ClaimState.Released);
        RemoveHolderUnsynchronized(entry, claim);
        stripe.Remove(entry);
        stripe.Gate.Exit();
        return true;
    }

    /// <summary>Puts a claim that was granted elsewhere (before a restart) back as a holder, with its old token, ahead of all waiters.
    /// Raises the counter to that token.</summary>
    /// <returns>False when the key is held by others up to its limit; nothing has changed then. True also when a claim of the same id
    /// already holds the key.</returns>
    public bool Reclaim(Claim claim, long fencingToken, int max = 0)
    {
        RaiseTokens(fencingToken);
        var now = TimeProvider.GetTimestamp();
        claim.ArrivedAt = now;
        var stripe = StripeOf(claim, claim.Key);
        return Step(stripe, claim.Key, claim.Hash, now, (claim, fencingToken, max), static (table, stripe, entry, state, now) =>
        {
            var isHeld = entry?.Find(state.claim.Id) is { State: ClaimState.Held };
            var most = Math.Max(state.max, entry?.Max ?? 1);
            if (isHeld || entry?.HolderCount >= most)
                return isHeld;
            entry ??= stripe.Add(state.claim.Key, state.claim.Hash);
            entry.Max = most;
            table.GrantUnsynchronized(stripe, entry, state.claim, now, state.fencingToken);
            return true;
        });
    }

    /// <summary>Ends a claim, whether it holds (released, the next waiter is granted) or waits (withdrawn).</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="waiters">How many waited for the key when the claim had left and before the grants that this causes.</param>
    /// <param name="notices">The grants this causes.</param>
    /// <returns>The state it was ended from: Held or Waiting; or, if it had ended before, the state that it was and is in. A lease
    /// whose deadline has passed answers Expired.</returns>
    public ClaimState End(Claim claim, out int waiters, out ClaimNotices notices) =>
        End(claim, ClaimState.Released, TimeProvider.GetTimestamp(), out waiters, out notices);

    /// <inheritdoc cref="End(Claim, out int, out ClaimNotices)"/>
    public ClaimState End(Claim claim)
    {
        var was = End(claim, out _, out var notices);
        notices.Deliver();
        return was;
    }

    /// <summary>Ends a claim only if it waits. A claim that was granted meanwhile stays granted.</summary>
    /// <returns>True when it waited and does not any more.</returns>
    public bool Withdraw(Claim claim)
    {
        var stripe = StripeOf(claim.Hash);
        stripe.Gate.Enter();
        var waited = claim.State == ClaimState.Waiting;
        if (waited)
        {
            WithdrawUnsynchronized(stripe, claim);
            stripe.AssertInvariants(null);
        }

        stripe.Gate.Exit();
        return waited;
    }

    /// <summary>The claim with this id that holds or waits for the key, or null. Expired holders are not found.</summary>
    public Claim? Find(string key, string id)
    {
        var hash = HashOf(key);
        return Step(StripeOf(hash), key, hash, TimeProvider.GetTimestamp(), id, static (_, _, entry, id, _) => entry?.Find(id));
    }

    /// <summary>Ends the claim with this id, holder or waiter, as <see cref="End(Claim)"/>.</summary>
    /// <returns>Done: it held or waited. HeldByAnother: somebody else holds the key. NotHeld: nobody does.</returns>
    public StoreReply Release(string key, string id, out int waiters, out ClaimNotices notices)
    {
        waiters = 0;
        notices = default;
        while (Find(key, id) is { } claim)
        {
            if (End(claim, out waiters, out notices) is ClaimState.Held or ClaimState.Waiting)
                return StoreReply.Done;
            notices.Deliver();
        }

        var report = Report(key);
        waiters = report.Waiters;
        return report.HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
    }

    /// <inheritdoc cref="Release(string, string, out int, out ClaimNotices)"/>
    public StoreReply Release(string key, string id)
    {
        var reply = Release(key, id, out _, out var notices);
        notices.Deliver();
        return reply;
    }

    /// <summary>Restarts the TTL of a live lease. Never revives one whose deadline has passed.</summary>
    /// <returns>False when the claim does not hold the key; nothing has changed then.</returns>
    public bool TryExtend(Claim claim, TimeSpan ttl)
    {
        var now = TimeProvider.GetTimestamp();
        return Step(StripeOf(claim.Hash), claim.Key, claim.Hash, now, (claim, ttl), static (table, stripe, _, state, now) =>
        {
            if (state.claim.State != ClaimState.Held)
                return false;
            table.RestartUnsynchronized(stripe, state.claim, state.ttl, now);
            return true;
        });
    }

    /// <summary>Restarts the TTL of the live lease with this id.</summary>
    public StoreReply TryExtend(string key, string id, TimeSpan ttl)
    {
        var hash = HashOf(key);
        return Step(StripeOf(hash), key, hash, TimeProvider.GetTimestamp(), (id, ttl), static (table, stripe, entry, state, now) =>
        {
            if (entry?.Find(state.id) is { State: ClaimState.Held } claim)
            {
                table.RestartUnsynchronized(stripe, claim, state.ttl, now);
                return StoreReply.Done;
            }

            return entry is { HolderCount: > 0 } ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        });
    }

    /// <summary>Takes the key away from all its holders (they hear <see cref="Claim.OnForced"/>) and grants the next waiters.</summary>
    /// <param name="key">The key.</param>
    /// <param name="notices">The notices of the holders, then those of the new holders.</param>
    /// <returns>How many holders there were.</returns>
    public int Force(string key, out ClaimNotices notices)
    {
        notices = default;
        var now = TimeProvider.GetTimestamp();
        var hash = HashOf(key);
        var stripe = StripeOf(hash);
        var forced = -1;
        while (true)
        {
            Claim? ended = null;
            stripe.Gate.Enter();
            var entry = stripe.Find(key, hash);
            if (entry is not null)
            {
                // Once: those granted while the first were told of it are not meant.
                if (forced < 0)
                    forced = ForceUnsynchronized(entry, now);
                ended = SettleUnsynchronized(stripe, entry, now, ref notices);
                if (ended is null)
                    RemoveIfIdleUnsynchronized(stripe, entry);
            }

            stripe.AssertInvariants(null);
            var setTimer = stripe.NeedsTimer();
            stripe.Gate.Exit();
            if (setTimer)
                stripe.SetTimer();
            if (ended is null)
                return Math.Max(0, forced);
            ended.AnnounceEnd();
        }
    }

    /// <inheritdoc cref="Force(string, out ClaimNotices)"/>
    public int Force(string key)
    {
        var count = Force(key, out var notices);
        notices.Deliver();
        return count;
    }

    /// <summary>What is left of a claim's lease: zero when it does not hold, <see cref="Timeout.InfiniteTimeSpan"/> without expiry.</summary>
    public TimeSpan Remaining(Claim claim)
    {
        var now = TimeProvider.GetTimestamp();
        return claim.State == ClaimState.Held ? Clock.Until(claim.Deadline, now) : TimeSpan.Zero;
    }

    /// <summary>As <see cref="Remaining"/>, but a claim that renews itself is renewed first.</summary>
    internal TimeSpan RenewedRemaining(Claim claim)
    {
        var now = TimeProvider.GetTimestamp();
        var stripe = StripeOf(claim.Hash);
        stripe.Gate.Enter();
        if (claim.State == ClaimState.Held)
            claim.RenewUnsynchronized(this, now);
        stripe.Gate.Exit();
        return claim.State == ClaimState.Held ? Clock.Until(claim.Deadline, now) : TimeSpan.Zero;
    }

    /// <summary>Whether this deadline has passed.</summary>
    internal bool IsOver(long deadline) => deadline <= TimeProvider.GetTimestamp();

    /// <summary>Makes a claim whose deadline has passed (and that does not renew itself) Expired, so that it stays so: from then on it
    /// cannot be extended. Its place is given away when somebody looks.</summary>
    internal void EndIfOver(Claim claim)
    {
        var now = TimeProvider.GetTimestamp();
        var stripe = StripeOf(claim.Hash);
        stripe.Gate.Enter();
        if (claim.State == ClaimState.Held)
            IsOverUnsynchronized(claim, now);
        stripe.Gate.Exit();
    }

    /// <summary>Whether anybody holds the key now.</summary>
    internal bool IsHeld(string key)
    {
        var hash = HashOf(key);
        return Step(StripeOf(hash), key, hash, TimeProvider.GetTimestamp(), 0, static (_, _, entry, _, _) => entry is { HolderCount: > 0 });
    }

    /// <summary>Stops the timers. Claims stay as they are; nothing is granted by time any more.</summary>
    public void Dispose()
    {
        foreach (var stripe in _stripes)
            stripe.StopTimer();
    }

    private static int HashOf(string key) => key.GetHashCode(StringComparison.Ordinal);

    private Stripe StripeOf(int hash) => _stripes[(uint)hash >> _stripeShift];

    private Stripe StripeOf(Claim claim, string key)
    {
        Debug.Assert(claim.State == ClaimState.New, "One claim is one acquisition.");
        var hash = HashOf(key);
        claim.Hash = hash;
        return StripeOf(hash);
    }
}
