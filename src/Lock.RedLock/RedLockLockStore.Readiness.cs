namespace Locking;

/// <summary>Nodes are asked for leases of a length only when that is on record there (<see cref="Admission"/>).</summary>
public sealed partial class RedLockLockStore
{
    /// <summary>A majority that is ready gives the rest this long to join it.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(50);

    /// <summary>Those among them whose answers count.</summary>
    private static IReadOnlyList<IQuorumNode> ReadyOf(IReadOnlyList<IQuorumNode> asked, TimeSpan ttl)
    {
        foreach (var node in asked)
        {
            if (!node.IsReadyFor(ttl))
                return [.. asked.Where(one => one.IsReadyFor(ttl))];
        }

        return asked;
    }

    /// <summary>Connects nodes, admits them, and puts a ttl on record there, where that is due.</summary>
    /// <param name="step">What for, in messages.</param>
    /// <param name="asked">The nodes.</param>
    /// <param name="enough">How many are waited for, as long as connecting may take. The rest is given a moment more.</param>
    /// <param name="ttl">The length of the lease.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Those that are ready: a quorum at least.</returns>
    /// <exception cref="LockStoreException">Too few are.</exception>
    private async ValueTask<IReadOnlyList<IQuorumNode>> PrepareAsync(
        string step, IReadOnlyList<IQuorumNode> asked, int enough, TimeSpan ttl, CancellationToken cancellationToken)
    {
        Task<object>[] preparing = [.. asked.Select(node => PreparedAsync(node, ttl))];
        var ballot = await Ballot<object>.HoldAsync(
            preparing, (answers, _) => answers.Count(static answer => answer is not null) >= enough, _connectTimeout, _time, cancellationToken).ConfigureAwait(false);
        if (!Array.TrueForAll(preparing, static one => one.IsCompleted))
        {
            var all = Task.WhenAll(preparing);
            TaskFaults.Forget(all);
            await Task.WhenAny(all, Task.Delay(s_grace, _time, cancellationToken)).ConfigureAwait(false);
        }

        var ready = ReadyOf(asked, ttl);
        if (ready.Count >= _quorum)
            return ready;
        var reasons = asked.Select((node, i) => (ballot.Faults[i] as LockStoreException)?.Message ?? $"{node.Name} did not answer in time");
        throw new LockStoreException(
            $"{ready.Count} of {_nodes.Count} nodes are ready, {_quorum} are needed ({step}): {string.Join("; ", reasons.Where((_, i) => !ready.Contains(asked[i])))}",
            isTransient: !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException))
        {
            MayHaveBeenApplied = false,
        };

        static async Task<object> PreparedAsync(IQuorumNode node, TimeSpan ttl)
        {
            await node.PrepareAsync(ttl, CancellationToken.None).ConfigureAwait(false);
            return node;
        }
    }
}
