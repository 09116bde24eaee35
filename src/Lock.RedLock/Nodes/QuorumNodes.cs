namespace Locking;

/// <summary>The servers of a quorum: whom to ask, how many answers decide, and for how long they are waited for.</summary>
/// <remarks>Nodes are asked for leases of a length only when that is on record there (<see cref="Admission"/>).</remarks>
internal sealed class QuorumNodes
{
    /// <summary>The least time that a node has for an answer.</summary>
    public static readonly TimeSpan ShortestLimit = TimeSpan.FromMilliseconds(50);

    /// <summary>A majority that is ready gives the rest this long to join it.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan s_longestLimit = TimeSpan.FromDays(40);

    private readonly TimeSpan? _nodeTimeout;

    /// <summary>Takes the nodes.</summary>
    /// <param name="all">All of them.</param>
    /// <param name="quorum">How many a lease needs; null for a majority.</param>
    /// <param name="nodeTimeout">How long the answer of a ready node is waited for; null for a part of the ttl.</param>
    /// <param name="connectTimeout">How long connecting may take.</param>
    /// <param name="time">The clock.</param>
    public QuorumNodes(IReadOnlyList<IQuorumNode> all, int? quorum, TimeSpan? nodeTimeout, TimeSpan connectTimeout, TimeProvider time)
    {
        All = all;
        Needed = Math.Max(quorum ?? 0, (all.Count / 2) + 1);
        _nodeTimeout = nodeTimeout;
        ConnectTimeout = connectTimeout;
        Time = time;
        Alarms = AlarmClock.For(SystemClock.InPlaceOf(time));
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<IQuorumNode> All { get; }

    /// <summary>How many there are.</summary>
    public int Count => All.Count;

    /// <summary>How many a lease needs.</summary>
    public int Needed { get; }

    /// <summary>How long connecting may take.</summary>
    public TimeSpan ConnectTimeout { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Rings when the time of a ballot is up.</summary>
    public AlarmClock Alarms { get; }

    /// <summary>How long the answers of nodes are waited for that are ready.</summary>
    public TimeSpan LimitFor(TimeSpan ttl)
    {
        TimeSpan limit = _nodeTimeout ?? ttl / 100;
        return limit < ShortestLimit && _nodeTimeout is null ? ShortestLimit : limit < s_longestLimit ? limit : s_longestLimit;
    }

    /// <summary>Whom to ask: those that answer, as long as they can decide, else everybody.</summary>
    public IReadOnlyList<IQuorumNode> Asked()
    {
        int answering = 0;
        foreach (IQuorumNode node in All)
        {
            if (!node.IsSuspect)
                answering++;
        }

        return answering == All.Count || answering < Needed ? All : [.. All.Where(static node => !node.IsSuspect)];
    }

    /// <summary>Those among them whose answers count.</summary>
    public static IReadOnlyList<IQuorumNode> ReadyOf(IReadOnlyList<IQuorumNode> asked, TimeSpan ttl)
    {
        foreach (IQuorumNode node in asked)
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
    public async ValueTask<IReadOnlyList<IQuorumNode>> PrepareAsync(
        string step, IReadOnlyList<IQuorumNode> asked, int enough, TimeSpan ttl, CancellationToken cancellationToken)
    {
        Task<object>[] preparing = [.. asked.Select(node => PreparedAsync(node, ttl))];
        Ballot<object> ballot = await TaskBallot<object>.HoldAsync(
            preparing,
            (answers, _) => answers.Count(static answer => answer is not null) >= enough,
            ConnectTimeout,
            Alarms,
            cancellationToken).ConfigureAwait(false);
        if (!Array.TrueForAll(preparing, static one => one.IsCompleted))
        {
            Task all = Task.WhenAll(preparing);
            TaskFaults.Forget(all);
            await Task.WhenAny(all, Task.Delay(s_grace, Time, cancellationToken)).ConfigureAwait(false);
        }

        IReadOnlyList<IQuorumNode> ready = ReadyOf(asked, ttl);
        return ready.Count >= Needed ? ready : throw TooFewReady(step, asked, ready, ballot);
    }

    private static async Task<object> PreparedAsync(IQuorumNode node, TimeSpan ttl)
    {
        await node.PrepareAsync(ttl, CancellationToken.None).ConfigureAwait(false);
        return node;
    }

    private LockStoreException TooFewReady(
        string step, IReadOnlyList<IQuorumNode> asked, IReadOnlyList<IQuorumNode> ready, Ballot<object> ballot)
    {
        IEnumerable<string> reasons = asked
            .Select((node, i) => (ballot.FaultOf(i) as LockStoreException)?.Message ?? $"{node.Name} did not answer in time")
            .Where((_, i) => !ready.Contains(asked[i]));
        return new LockStoreException(
            $"{ready.Count} of {Count} nodes are ready, {Needed} are needed ({step}): {string.Join("; ", reasons)}",
            isTransient: !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException))
        {
            MayHaveBeenApplied = false,
        };
    }
}
