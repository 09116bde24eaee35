namespace Locking;

/// <summary>What the votes for one holder come to.</summary>
internal readonly struct Tally
{
    private readonly IReadOnlyList<Vote?> _votes;
    private readonly int _quorum;

    public Tally(IReadOnlyList<Vote?> votes, int quorum)
    {
        _votes = votes;
        _quorum = quorum;
        foreach (Vote? vote in votes)
        {
            switch (vote?.Kind)
            {
                case VoteKind.Granted:
                    Yes++;
                    break;
                case VoteKind.Busy:
                    No++;
                    break;
                default:
                    Silent++;
                    break;
            }
        }
    }

    /// <summary>Nodes where the holder has the lock.</summary>
    public int Yes { get; }

    /// <summary>Nodes where somebody else has it.</summary>
    public int No { get; }

    /// <summary>Nodes that did not answer, or abstained.</summary>
    public int Silent { get; }

    public bool IsGranted => Yes >= _quorum;

    /// <summary>The token that a majority already has, if the votes alone fixed it; else the one to raise it to.</summary>
    public long Token
    {
        get
        {
            // Asked again for a lease that stands: what was fixed then is the highest token that a majority has.
            List<long> before = _votes.Where(static vote => vote is { Kind: VoteKind.Granted, HeldBefore: true })
                .Select(static vote => vote!.Token)
                .OrderDescending()
                .ToList();
            if (before.Count >= _quorum)
                return before[_quorum - 1];
            long highest = 0L;
            foreach (Vote? vote in _votes)
            {
                if (vote is { Kind: VoteKind.Granted })
                    highest = Math.Max(highest, vote.Token);
            }

            return highest;
        }
    }

    /// <summary>Whether so many nodes name the same holder: then the lock is held, and not only contended.</summary>
    public bool IsHeldByOne(int nodes) =>
        _votes.Where(static vote => vote is { Kind: VoteKind.Busy })
            .GroupBy(static vote => vote!.HolderId, StringComparer.Ordinal)
            .Any(group => group.Count() >= nodes);

    /// <summary>Whether an id comes before those of all others that were voted for, and was voted for itself.</summary>
    public bool IsFirst(string holderId) =>
        Yes > 0 && _votes.All(vote => vote is not { Kind: VoteKind.Busy } || string.CompareOrdinal(holderId, vote.HolderId) < 0);

    /// <summary>Whether a client of another library is in the way.</summary>
    public bool IsStranger => _votes.Any(static vote => vote is { Kind: VoteKind.Busy, IsStranger: true });

    /// <summary>When enough leases will have run out for a majority to be free.</summary>
    public TimeSpan Remaining
    {
        get
        {
            List<TimeSpan> leases = _votes.Where(static vote => vote is { Kind: VoteKind.Busy })
                .Select(static vote => vote!.Remaining is { } left && left != Timeout.InfiniteTimeSpan ? left : TimeSpan.MaxValue)
                .Order()
                .ToList();
            int needed = Math.Clamp(_quorum - Yes, 1, leases.Count);
            return leases[needed - 1] == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : leases[needed - 1];
        }
    }
}
