using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Steps that ask every node's store the same.</summary>
public sealed partial class RedLockLockStore
{
    /// <inheritdoc/>
    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        var (found, silent, reasons, fault) = await GatherAsync(
            async Task<IReadOnlyList<LockInfo>> (store) =>
                await store.GetAsync(key, cancellationToken).ConfigureAwait(false) is { } info ? [info] : [],
            cancellationToken).ConfigureAwait(false);
        if (_nodes.Count - silent < _quorum)
            throw TooFewAnswers("get", silent, reasons, fault);
        return Merge(found, silent).FirstOrDefault();
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        Begin(cancellationToken);
        var (found, silent, reasons, fault) = await GatherAsync(
            async Task<IReadOnlyList<LockInfo>> (store) =>
            {
                var infos = new List<LockInfo>();
                await foreach (var info in store.ListAsync(prefix, cancellationToken).ConfigureAwait(false))
                    infos.Add(info);
                return infos;
            },
            cancellationToken).ConfigureAwait(false);
        if (_nodes.Count - silent < _quorum)
            throw TooFewAnswers("list", silent, reasons, fault);
        foreach (var info in Merge(found, silent))
            yield return info;
    }

    /// <summary>The leases that a majority confirms, or would with the nodes that are silent.</summary>
    private IEnumerable<LockInfo> Merge(List<LockInfo> found, int silent)
    {
        foreach (var lease in found.GroupBy(static info => (info.Key, info.Id)))
        {
            if (lease.Count() + silent < _quorum)
                continue;
            var nodes = lease.ToList();
            var rank = Math.Min(_quorum, nodes.Count) - 1;
            // The token is the one that was fixed on a majority, and the lease lasts while a majority has it.
            yield return nodes[0] with
            {
                Owner = nodes.Select(static info => info.Owner).FirstOrDefault(static owner => owner.Length > 0) ?? "",
                FencingToken = nodes.Select(static info => info.FencingToken).OrderDescending().ElementAt(rank),
                Remaining = nodes.Exists(static info => info.Remaining == TimeSpan.MaxValue)
                    ? Timeout.InfiniteTimeSpan
                    : nodes.Select(static info => info.Remaining).OrderDescending().ElementAt(rank),
            };
        }
    }

    private async Task<StoreReplies> AskStoresAsync(
        string step, Func<IReadOnlyList<IQuorumNode>, TimeSpan> limit, Func<ILockStore, ValueTask<StoreReply>> ask, CancellationToken cancellationToken)
    {
        var asked = Asked();
        var ballot = await Ballot<object>.HoldAsync(
            [.. asked.Select(async Task<object> (node) => await ask(node.Store).ConfigureAwait(false))],
            (answers, _) => answers.Count(static answer => answer is StoreReply.Done) >= _quorum,
            limit(asked),
            _time,
            cancellationToken).ConfigureAwait(false);
        var replies = new StoreReply?[_nodes.Count];
        var reasons = new List<string>();
        for (var i = 0; i < asked.Count; i++)
        {
            replies[i] = (StoreReply?)ballot.Answers[i];
            if (replies[i] is null)
                reasons.Add((ballot.Faults[i] as LockStoreException)?.Message ?? $"{asked[i].Name} did not answer in time ({step})");
        }

        return new StoreReplies(
            replies,
            [.. reasons],
            !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException));
    }

    private async Task<(List<LockInfo> Found, int Silent, string[] Reasons, Exception? Fault)> GatherAsync(
        Func<ILockStore, Task<IReadOnlyList<LockInfo>>> ask, CancellationToken cancellationToken)
    {
        var asked = Asked();
        var ballot = await Ballot<IReadOnlyList<LockInfo>>.HoldAsync(
            [.. asked.Select(node => ask(node.Store))], static (_, _) => false, _connectTimeout, _time, cancellationToken).ConfigureAwait(false);
        return (
            [.. ballot.Answers.Where(static answer => answer is not null).SelectMany(static answer => answer!)],
            _nodes.Count - ballot.Answers.Count(static answer => answer is not null),
            [.. ballot.Faults.OfType<LockStoreException>().Select(static fault => fault.Message)],
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException));
    }

    private LockStoreException TooFewAnswers(string step, int silent, string[] reasons, Exception? fault) => new(
        $"{_nodes.Count - silent} of {_nodes.Count} nodes answered, {_quorum} are needed ({step}): {string.Join("; ", reasons)}", isTransient: true, fault);
}
