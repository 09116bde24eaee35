namespace Locking;

/// <summary>What the nodes have on record, put together.</summary>
internal sealed class QuorumListing(QuorumNodes nodes)
{
    /// <summary>A lock's lease; null when none stands.</summary>
    /// <exception cref="LockStoreException">Too few nodes answered.</exception>
    public async Task<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        IEnumerable<LockInfo> leases = await GatherAsync(
            "get",
            async Task<IReadOnlyList<LockInfo>> (store) =>
                await store.GetAsync(key, cancellationToken).ConfigureAwait(false) is { } info ? [info] : [],
            cancellationToken).ConfigureAwait(false);
        return leases.FirstOrDefault();
    }

    /// <summary>The leases of the locks whose keys begin so.</summary>
    /// <exception cref="LockStoreException">Too few nodes answered.</exception>
    public Task<IEnumerable<LockInfo>> ListAsync(string prefix, CancellationToken cancellationToken) => GatherAsync(
        "list",
        async Task<IReadOnlyList<LockInfo>> (store) =>
        {
            var infos = new List<LockInfo>();
            await foreach (LockInfo info in store.ListAsync(prefix, cancellationToken).ConfigureAwait(false))
                infos.Add(info);
            return infos;
        },
        cancellationToken);

    private async Task<IEnumerable<LockInfo>> GatherAsync(
        string step, Func<ILockStore, Task<IReadOnlyList<LockInfo>>> ask, CancellationToken cancellationToken)
    {
        Ballot<IReadOnlyList<LockInfo>> ballot = await TaskBallot<IReadOnlyList<LockInfo>>.HoldAsync(
            [.. nodes.Asked().Select(node => ask(node.Store))],
            static (_, _) => false,
            nodes.ConnectTimeout,
            nodes.Alarms,
            cancellationToken).ConfigureAwait(false);
        int answered = ballot.Answers.Count(static answer => answer is not null);
        return answered >= nodes.Needed
            ? Merge([.. ballot.Answers.OfType<IReadOnlyList<LockInfo>>().SelectMany(static answer => answer)], nodes.Count - answered)
            : throw TooFewAnswers(step, answered, ballot.Faults);
    }

    /// <summary>The leases that a majority confirms, or would with the nodes that are silent.</summary>
    private IEnumerable<LockInfo> Merge(List<LockInfo> found, int silent)
    {
        foreach (IGrouping<(string Key, string Id), LockInfo> lease in found.GroupBy(static info => (info.Key, info.Id)))
        {
            if (lease.Count() + silent < nodes.Needed)
                continue;
            List<LockInfo> infos = lease.ToList();
            int rank = Math.Min(nodes.Needed, infos.Count) - 1;
            // The token is the one that was fixed on a majority, and the lease lasts while a majority has it.
            yield return infos[0] with
            {
                Owner = infos.Select(static info => info.Owner).FirstOrDefault(static owner => owner.Length > 0) ?? "",
                FencingToken = infos.Select(static info => info.FencingToken).OrderDescending().ElementAt(rank),
                Remaining = infos.Exists(static info => info.Remaining == TimeSpan.MaxValue)
                    ? Timeout.InfiniteTimeSpan
                    : infos.Select(static info => info.Remaining).OrderDescending().ElementAt(rank),
            };
        }
    }

    private LockStoreException TooFewAnswers(string step, int answered, IEnumerable<Exception> faults)
    {
        IEnumerable<string> reasons = faults.OfType<LockStoreException>().Select(static fault => fault.Message);
        return new LockStoreException(
            $"{answered} of {nodes.Count} nodes answered, {nodes.Needed} are needed ({step}): {string.Join("; ", reasons)}",
            isTransient: true,
            faults.FirstOrDefault(static fault => fault is LockStoreException));
    }
}
