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
        var hash = HashOf(key);
        var now = TimeProvider.GetTimestamp();
        var (claim, deadline) = Step(StripeOf(hash), key, hash, now, 0, static (table, _, entry, _, now) =>
        {
            var oldest = entry?.OldestHolder;
            oldest?.RenewUnsynchronized(table, now);
            return (oldest, oldest?.Deadline ?? 0);
        });
        return claim is null ? null : Describe(claim, deadline, now);
    }

    /// <summary>How many hold and wait for the key, its limit, and the ids of the holders.</summary>
    public KeyReport Report(string key)
    {
        var hash = HashOf(key);
        var (max, waiters, holders) = Step(StripeOf(hash), key, hash, TimeProvider.GetTimestamp(), 0, static (_, _, entry, _, _) =>
        {
            List<Claim> holders = [];
            for (var claim = entry?.Holders; claim is not null; claim = claim.Next)
                holders.Add(claim);
            return (entry?.Max ?? 1, entry?.WaiterCount ?? 0, holders);
        });

        // Ids are made here, outside the gate.
        return new KeyReport(max, waiters, holders.ConvertAll(static holder => holder.Id));
    }

    /// <summary>The live holders whose key begins with a prefix (ordinal). A snapshot per stripe, taken as the enumeration goes on.</summary>
    public IEnumerable<LockInfo> List(string prefix)
    {
        foreach (var stripe in _stripes)
        {
            var now = TimeProvider.GetTimestamp();
            foreach (var (claim, deadline) in HoldersOf(stripe, now))
            {
                if (claim.Key.StartsWith(prefix, StringComparison.Ordinal))
                    yield return Describe(claim, deadline, now);
            }
        }
    }

    /// <summary>Who holds the key, the first where several may; null when nobody does.</summary>
    internal Claim? FirstHolder(string key)
    {
        var hash = HashOf(key);
        return Step(StripeOf(hash), key, hash, TimeProvider.GetTimestamp(), 0, static (_, _, entry, _, _) => entry?.Holders);
    }

    /// <summary>All holders and waiters, for those who must end what is theirs.</summary>
    internal List<Claim> Everything()
    {
        List<Claim> all = [];
        foreach (var stripe in _stripes)
        {
            stripe.Gate.Enter();
            for (var bucket = 0; bucket < stripe.BucketCount; bucket++)
            {
                for (var entry = stripe.Bucket(bucket); entry is not null; entry = entry.Next)
                {
                    for (var claim = entry.Holders; claim is not null; claim = claim.Next)
                        all.Add(claim);
                    for (var claim = entry.Queue?.Head; claim is not null; claim = claim.Next)
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
        for (var bucket = 0; bucket < stripe.BucketCount; bucket++)
        {
            for (var entry = stripe.Bucket(bucket); entry is not null; entry = entry.Next)
            {
                for (var claim = entry.Holders; claim is not null; claim = claim.Next)
                {
                    if (claim.State != ClaimState.Held)
                        continue;
                    claim.RenewUnsynchronized(this, now);
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
        long now = TimeProvider.GetTimestamp();
        Stripe stripe = StripeOf(claim.Hash);
        stripe.Gate.Enter();
        bool decided = claim.State == ClaimState.Held && decide(claim, now);
        stripe.Gate.Exit();
        return decided;
    }
}
