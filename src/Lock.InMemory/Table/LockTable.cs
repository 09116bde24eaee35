using System.Diagnostics;

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
    private readonly TokenCounter _tokens;
    private readonly KeySteps _steps;
    private readonly StripeMap _stripes;

    /// <summary>Creates an empty table. Tokens start at the wall clock's microseconds.</summary>
    public LockTable(TimeProvider timeProvider)
    {
        TimeProvider = timeProvider = SystemClock.InPlaceOf(timeProvider);
        Clock = new TableClock(timeProvider);
        _tokens = new TokenCounter(Math.Max(0, (timeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond));
        _steps = new KeySteps(Clock, _tokens);
        _stripes = new StripeMap(Clock, new TableTimer(Clock, _steps).Wake);
    }

    /// <summary>The only clock.</summary>
    public TimeProvider TimeProvider { get; }

    /// <summary>The last fencing token that was given out (or the seed).</summary>
    public long LastToken => _tokens.Last;

    /// <summary>How many keys are held or waited for (leases that ran out and that nobody has met yet among them).</summary>
    public int KeyCount => _stripes.Sum(static stripe => stripe.Count);

    /// <summary>How many buckets there are, for tests: they follow the keys in use.</summary>
    internal int Capacity => _stripes.Sum(static stripe => stripe.BucketCount);

    internal TableClock Clock { get; }

    /// <inheritdoc cref="TokenCounter.Raise"/>
    public void RaiseTokens(long last) => _tokens.Raise(last);

    /// <summary>Takes the lock, or a place in the queue, or neither.</summary>
    /// <remarks>
    /// A claim with the same id that holds the key gets a fresh TTL (of the new claim's length) and keeps its token; one that waits keeps
    /// its place. In both cases the given claim is not used: the older one is in the result.
    /// An expired holder that is met on the way is over, and its place free.
    /// </remarks>
    public AcquireResult Acquire(Claim claim, in AcquireTerms terms, out ClaimNotices notices) =>
        Acquire(claim, terms, Clock.Now, out notices);

    /// <inheritdoc cref="Acquire(Claim, in AcquireTerms, out ClaimNotices)"/>
    internal AcquireResult Acquire(Claim claim, in AcquireTerms terms, long now, out ClaimNotices notices)
    {
        notices = default;
        if (claim.ArrivedAt == 0)
            claim.ArrivedAt = now;
        Stripe stripe = StripeOf(claim, claim.Key);
        while (true)
        {
            stripe.Gate.Enter();
            AcquireResult result = TryAcquireUnsynchronized(stripe, claim, terms, now, ref notices, out Claim? ended);
            stripe.Leave();
            if (ended is null)
                return result;
            ended.AnnounceEnd();
        }
    }

    /// <inheritdoc cref="Acquire(Claim, in AcquireTerms, out ClaimNotices)"/>
    public AcquireResult Acquire(Claim claim, in AcquireTerms terms)
    {
        AcquireResult result = Acquire(claim, terms, out ClaimNotices notices);
        notices.Deliver();
        return result;
    }

    /// <summary>Puts a claim that was granted elsewhere (before a restart) back as a holder, with its old token, ahead of all waiters.
    /// Raises the counter to that token.</summary>
    /// <returns>False when the key is held by others up to its limit; nothing has changed then. True also when a claim of the same id
    /// already holds the key.</returns>
    public bool Reclaim(Claim claim, long fencingToken, int max = 0)
    {
        RaiseTokens(fencingToken);
        long now = Clock.Now;
        claim.ArrivedAt = now;
        Stripe stripe = StripeOf(claim, claim.Key);
        return _steps.Step(stripe, claim.Key, claim.Hash, now, (claim, fencingToken, max), static (steps, stripe, entry, state, now) =>
        {
            bool isHeld = entry?.Find(state.claim.Id) is { State: ClaimState.Held };
            int most = Math.Max(state.max, entry?.Max ?? 1);
            if (isHeld || entry?.HolderCount >= most)
                return isHeld;
            entry ??= stripe.Add(state.claim.Key, state.claim.Hash);
            entry.Max = most;
            steps.GrantUnsynchronized(stripe, entry, state.claim, now, state.fencingToken);
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
        End(claim, ClaimState.Released, Clock.Now, out waiters, out notices);

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
        ClaimState? result = null;
        Stripe stripe = _stripes.Of(claim.Hash);
        while (true)
        {
            stripe.Gate.Enter();
            result ??= BeginEndUnsynchronized(stripe, claim, state, now);
            Missing missing = FinishEndUnsynchronized(stripe, claim, now, ref waiters, ref notices);
            stripe.AssertInvariants(null);
            stripe.Leave();
            if (missing == Missing.Nothing)
                return result.Value;
            if (missing == Missing.Time)
                now = Clock.Now;
            else
                claim.AnnounceEnd();
        }
    }

    /// <inheritdoc cref="End(Claim, out int, out ClaimNotices)"/>
    public ClaimState End(Claim claim)
    {
        ClaimState was = End(claim, out _, out ClaimNotices notices);
        notices.Deliver();
        return was;
    }

    /// <summary>Ends a claim only if it waits. A claim that was granted meanwhile stays granted.</summary>
    /// <returns>True when it waited and does not any more.</returns>
    public bool Withdraw(Claim claim)
    {
        Stripe stripe = _stripes.Of(claim.Hash);
        stripe.Gate.Enter();
        bool waited = claim.State == ClaimState.Waiting;
        if (waited)
        {
            KeySteps.WithdrawUnsynchronized(stripe, claim);
            stripe.AssertInvariants(null);
        }

        stripe.Gate.Exit();
        return waited;
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

        KeyReport report = Report(key);
        waiters = report.Waiters;
        return report.HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
    }

    /// <inheritdoc cref="Release(string, string, out int, out ClaimNotices)"/>
    public StoreReply Release(string key, string id)
    {
        StoreReply reply = Release(key, id, out _, out ClaimNotices notices);
        notices.Deliver();
        return reply;
    }

    /// <summary>Restarts the TTL of a live lease. Never revives one whose deadline has passed.</summary>
    /// <returns>False when the claim does not hold the key; nothing has changed then.</returns>
    public bool TryExtend(Claim claim, TimeSpan ttl)
    {
        long now = Clock.Now;
        return _steps.Step(_stripes.Of(claim.Hash), claim.Key, claim.Hash, now, (claim, ttl), static (steps, stripe, _, state, now) =>
        {
            if (state.claim.State != ClaimState.Held)
                return false;
            steps.RestartUnsynchronized(stripe, state.claim, state.ttl, now);
            return true;
        });
    }

    /// <summary>Restarts the TTL of the live lease with this id.</summary>
    public StoreReply TryExtend(string key, string id, TimeSpan ttl)
    {
        int hash = HashOf(key);
        return _steps.Step(_stripes.Of(hash), key, hash, Clock.Now, (id, ttl), static (steps, stripe, entry, state, now) =>
        {
            if (entry?.Find(state.id) is { State: ClaimState.Held } claim)
            {
                steps.RestartUnsynchronized(stripe, claim, state.ttl, now);
                return StoreReply.Done;
            }

            return entry is { HolderCount: > 0 } ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        });
    }

    /// <summary>Stops the timers. Claims stay as they are; nothing is granted by time any more.</summary>
    public void Dispose()
    {
        foreach (Stripe stripe in _stripes.All)
            stripe.StopTimer();
    }

    /// <summary>Settles the key, and takes the lock or a place at it.</summary>
    /// <param name="stripe">The key's.</param>
    /// <param name="claim">The claim.</param>
    /// <param name="terms">How long, and how.</param>
    /// <param name="now">The time.</param>
    /// <param name="notices">The grants and ends that this causes.</param>
    /// <param name="ended">Who must be told of its end before its place can be given away: nothing was taken, and the step is
    /// repeated.</param>
    private AcquireResult TryAcquireUnsynchronized(
        Stripe stripe, Claim claim, in AcquireTerms terms, long now, ref ClaimNotices notices, out Claim? ended)
    {
        ended = null;
        AcquireResult result = default;
        KeyEntry? entry = stripe.Find(claim.Key, claim.Hash);
        if (entry is null)
            entry = stripe.Add(claim.Key, claim.Hash);
        else
            ended = _steps.SettleUnsynchronized(stripe, entry, now, ref notices);
        if (ended is null)
        {
            if (terms.Max > 0 && terms.Max != entry.Max)
            {
                entry.Max = terms.Max;
                _steps.GrantWaitersUnsynchronized(stripe, entry, now, ref notices);
            }

            result = _steps.AcquireUnsynchronized(stripe, entry, claim, terms, now);
        }

        stripe.AssertInvariants(entry);
        return result;
    }

    /// <summary>A waiter leaves, a holder becomes what is asked for.</summary>
    /// <returns>What the claim was.</returns>
    private ClaimState BeginEndUnsynchronized(Stripe stripe, Claim claim, ClaimState state, long now)
    {
        ClaimState was = claim.State;
        if (was == ClaimState.Held && now != 0 && _steps.IsOverUnsynchronized(claim, now))
            return ClaimState.Expired;
        if (was == ClaimState.Waiting)
            KeySteps.WithdrawUnsynchronized(stripe, claim);
        else if (was == ClaimState.Held)
            claim.MoveTo(state);
        return was;
    }

    /// <summary>What a step needs before it can end; it is then repeated.</summary>
    private enum Missing
    {
        Nothing,
        Time,
        Announcement,
    }

    /// <summary>Unlinks a claim that has ended, and gives its place away.</summary>
    private Missing FinishEndUnsynchronized(Stripe stripe, Claim claim, long now, ref int waiters, ref ClaimNotices notices)
    {
        // The entry stays while the claim is linked; another thread may have unlinked it while this one told of its end.
        if (claim.Entry is not { } entry)
            return Missing.Nothing;
        if (now == 0 && entry.WaiterCount > 0)
            return Missing.Time;
        if (claim.State != ClaimState.Released && claim.MustAnnounceEnd)
            return Missing.Announcement;
        waiters = entry.WaiterCount;
        KeySteps.RemoveHolderUnsynchronized(entry, claim);
        if (claim.State == ClaimState.Expired)
            notices.Add(claim, ClaimNotices.Kind.Expired);
        else if (claim.State == ClaimState.Forced)
            notices.Add(claim, ClaimNotices.Kind.Forced);
        _steps.GrantWaitersUnsynchronized(stripe, entry, now, ref notices);
        KeySteps.RemoveIfIdleUnsynchronized(stripe, entry);
        return Missing.Nothing;
    }

    private static int HashOf(string key) => key.GetHashCode(StringComparison.Ordinal);

    private Stripe StripeOf(Claim claim, string key)
    {
        Debug.Assert(claim.State == ClaimState.New, "One claim is one acquisition.");
        int hash = HashOf(key);
        claim.Hash = hash;
        return _stripes.Of(hash);
    }
}
