namespace Locking;

/// <summary>One key, for diagnostics.</summary>
/// <param name="Max">How many may hold it.</param>
/// <param name="Waiters">How many wait.</param>
/// <param name="HolderIds">Who holds it.</param>
internal readonly record struct KeyReport(int Max, int Waiters, IReadOnlyList<string> HolderIds);

/// <content>Questions.</content>
internal sealed partial class LockTable
{
    /// <summary>The holder of the key that was granted first, or null.</summary>
    public LockInfo? Get(string key)
    {
        int hash = HashOf(key);
        long now = Clock.Now;
        (Claim? claim, long deadline) = _steps.Step(_stripes.Of(hash), key, hash, now, Clock, static (_, _, entry, clock, now) =>
        {
            Claim? oldest = entry?.OldestHolder;
            oldest?.RenewUnsynchronized(clock, now);
            return (oldest, oldest?.Deadline ?? 0);
        });
        return claim is null ? null : Describe(claim, deadline, now);
    }

    /// <summary>The claim with this id that holds or waits for the key, or null. Expired holders are not found.</summary>
    public Claim? Find(string key, string id)
    {
        int hash = HashOf(key);
        return _steps.Step(_stripes.Of(hash), key, hash, Clock.Now, id, static (_, _, entry, id, _) => entry?.Find(id));
    }

    /// <summary>What is left of a claim's lease: zero when it does not hold, <see cref="Timeout.InfiniteTimeSpan"/> without
    /// expiry.</summary>
    public TimeSpan Remaining(Claim claim)
    {
        long now = Clock.Now;
        return claim.State == ClaimState.Held ? Clock.Until(claim.Deadline, now) : TimeSpan.Zero;
    }

    /// <summary>As <see cref="Remaining"/>, but a claim that renews itself is renewed first.</summary>
    internal TimeSpan RenewedRemaining(Claim claim)
    {
        long now = Clock.Now;
        Stripe stripe = _stripes.Of(claim.Hash);
        stripe.Gate.Enter();
        if (claim.State == ClaimState.Held)
            claim.RenewUnsynchronized(Clock, now);
        stripe.Gate.Exit();
        return claim.State == ClaimState.Held ? Clock.Until(claim.Deadline, now) : TimeSpan.Zero;
    }

    /// <summary>Whether this deadline has passed.</summary>
    internal bool IsOver(long deadline) => deadline <= Clock.Now;

    /// <summary>Makes a claim whose deadline has passed (and that does not renew itself) Expired, so that it stays so: from then on it
    /// cannot be extended. Its place is given away when somebody looks.</summary>
    internal void EndIfOver(Claim claim)
    {
        long now = Clock.Now;
        Stripe stripe = _stripes.Of(claim.Hash);
        stripe.Gate.Enter();
        if (claim.State == ClaimState.Held)
            _steps.IsOverUnsynchronized(claim, now);
        stripe.Gate.Exit();
    }

    /// <summary>Whether anybody holds the key now.</summary>
    internal bool IsHeld(string key)
    {
        int hash = HashOf(key);
        return _steps.Step(_stripes.Of(hash), key, hash, Clock.Now, 0, static (_, _, entry, _, _) => entry is { HolderCount: > 0 });
    }

    /// <summary>How many hold and wait for the key, its limit, and the ids of the holders.</summary>
    public KeyReport Report(string key)
    {
        int hash = HashOf(key);
        (int max, int waiters, List<Claim> holders) = _steps.Step(_stripes.Of(hash), key, hash, Clock.Now, 0, static (_, _, entry, _, _) =>
        {
            List<Claim> holders = [];
            for (Claim? claim = entry?.Holders; claim is not null; claim = claim.Next)
                holders.Add(claim);
            return (entry?.Max ?? 1, entry?.WaiterCount ?? 0, holders);
        });

        // Ids are made here, outside the gate.
        return new KeyReport(max, waiters, holders.ConvertAll(static holder => holder.Id));
    }

    /// <summary>The live holders whose key begins with a prefix (ordinal). A snapshot per stripe, taken as the enumeration goes
    /// on.</summary>
    public IEnumerable<LockInfo> List(string prefix)
    {
        foreach (Stripe stripe in _stripes.All)
        {
            long now = Clock.Now;
            foreach ((Claim claim, long deadline) in HoldersOf(stripe, now))
            {
                if (claim.Key.StartsWith(prefix, StringComparison.Ordinal))
                    yield return Describe(claim, deadline, now);
            }
        }
    }

    /// <summary>Who holds the key, the first where several may; null when nobody does.</summary>
    internal Claim? FirstHolder(string key)
    {
        int hash = HashOf(key);
        return _steps.Step(_stripes.Of(hash), key, hash, Clock.Now, 0, static (_, _, entry, _, _) => entry?.Holders);
    }

    /// <summary>All holders and waiters, for those who must end what is theirs.</summary>
    internal List<Claim> Everything()
    {
        List<Claim> all = [];
        foreach (Stripe stripe in _stripes.All)
        {
            stripe.Gate.Enter();
            for (int bucket = 0; bucket < stripe.BucketCount; bucket++)
            {
                for (KeyEntry? entry = stripe.Bucket(bucket); entry is not null; entry = entry.Next)
                {
                    for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
                        all.Add(claim);
                    for (Claim? claim = entry.Queue?.Head; claim is not null; claim = claim.Next)
                        all.Add(claim);
                }
            }

            stripe.Gate.Exit();
        }

        return all;
    }

    private List<(Claim Claim, long Deadline)> HoldersOf(Stripe stripe, long now)
    {
        List<(Claim, long)> holders = [];
        stripe.Gate.Enter();
        for (int bucket = 0; bucket < stripe.BucketCount; bucket++)
        {
            for (KeyEntry? entry = stripe.Bucket(bucket); entry is not null; entry = entry.Next)
            {
                for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
                {
                    if (claim.State != ClaimState.Held)
                        continue;
                    claim.RenewUnsynchronized(Clock, now);
                    if (claim.Deadline > now)
                        holders.Add((claim, claim.Deadline));
                }
            }
        }

        stripe.Gate.Exit();
        return holders;
    }

    private LockInfo Describe(Claim claim, long deadline, long now) =>
        new(claim.Key, claim.Id, claim.Owner, claim.FencingToken, Clock.Until(deadline, now));

    /// <summary>Lets a claim decide something about itself under the gate, while it holds.</summary>
    /// <returns>What it decided; false when it does not hold.</returns>
    internal bool WhileHeld(Claim claim, Func<Claim, long, bool> decide)
    {
        long now = Clock.Now;
        Stripe stripe = _stripes.Of(claim.Hash);
        stripe.Gate.Enter();
        bool decided = claim.State == ClaimState.Held && decide(claim, now);
        stripe.Gate.Exit();
        return decided;
    }
}
