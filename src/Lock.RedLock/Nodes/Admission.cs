using System.Collections.Concurrent;

namespace Locking;

/// <summary>Decides from when on a server may vote, and puts on record what leases are asked of it.</summary>
/// <remarks>
/// <para>A server that restarted without its data has forgotten its votes: counted again it could give a second holder the majority. So it
/// stays out until every lease that it may have voted for has ended. How long that can be is on record at the others: no process asks for a
/// vote before so many servers that they suffice have its ttl on record, and counts no vote but theirs.</para>
/// <para>The decision is noted on the server itself, and the vote script looks for the note: a server that comes back empty between two
/// votes is noticed by the vote, not by whatever the client noticed of the connection. A note that was brought back from a file names an
/// earlier life.</para>
/// <para>Where every server answers and none has a note, the quorum is new, and all vote at once. A process that has seen notes before
/// knows better: then all of them have lost their memory, and all of them wait.</para>
/// </remarks>
internal sealed class Admission(IReadOnlyList<RedisVoter> voters, TimeSpan longestTtl, TimeProvider time) : IDisposable
{
    private const int Attempts = 5;

    /// <summary>How long a ttl on record may be used before it is put on record again.</summary>
    internal static readonly TimeSpan Serves = TimeSpan.FromHours(1);

    /// <summary>Clocks are no finer than that, whatever their drift.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromSeconds(1);

    /// <summary>Another process that admits a new quorum at the same moment is given this long to be done with it.</summary>
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<RedisVoter, bool> _seenNoted = new();
    private readonly ConcurrentDictionary<RedisVoter, string> _runIds = new();
    private readonly SemaphoreSlim _joint = new(1, 1);
    private long _longestTicks = longestTtl.Ticks;

    /// <summary>The smallest quorum that any process may have.</summary>
    private int Majority => (voters.Count / 2) + 1;

    /// <summary>Leases of this length are asked for.</summary>
    public void Covers(TimeSpan ttl)
    {
        long longest = Volatile.Read(ref _longestTicks);
        while (ttl.Ticks > longest)
        {
            long seen = Interlocked.CompareExchange(ref _longestTicks, ttl.Ticks, longest);
            if (seen == longest)
                return;
            longest = seen;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _joint.Dispose();

    /// <summary>Notes from when on a server votes, if that is not noted yet, and puts a ttl on record there.</summary>
    /// <exception cref="LockStoreException">The server did not answer, or what it has forgotten cannot be told.</exception>
    public async Task<Readiness> PrepareAsync(RedisVoter voter, TimeSpan ttl, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long sent = time.GetTimestamp();
            RedisLife life = await DeclareAsync(voter, ttl, cancellationToken).ConfigureAwait(false);
            if (life.IsNoted)
                return new Readiness(life.Note, ttl, sent + new ClockUnits(time).Of(Serves * 0.99));
            if (life.Note.Length == 0 && _seenNoted.IsEmpty && await AdmitNewQuorumAsync(cancellationToken).ConfigureAwait(false))
                continue;
            await voter.AdmitAsync(
                life, await RestAsync(voter, life, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        }

        throw Refused($"{voter.Server} forgets what is noted about its vote as soon as it is written.", isTransient: true);
    }

    private async Task<RedisLife> DeclareAsync(RedisVoter voter, TimeSpan ttl, CancellationToken cancellationToken)
    {
        RedisLife life = await voter.DeclareAsync(ttl, Serves, cancellationToken).ConfigureAwait(false);
        RefuseTwin(voter, life.RunId);
        if (life.IsNoted)
            _seenNoted.TryAdd(voter, true);
        return life;
    }

    /// <summary>One server under two names would have two votes, and with them a majority that is none.</summary>
    private void RefuseTwin(RedisVoter voter, string runId)
    {
        if (runId == RedisLife.Unknown)
            return;
        // Entered before looking, and taken out when refused: of two that come at once at least one sees the other.
        _runIds[voter] = runId;
        foreach ((RedisVoter? other, string? theirs) in _runIds)
        {
            if (other == voter || theirs != runId)
                continue;
            _runIds.TryRemove(voter, out _);
            throw Refused(
                $"{voter.Server} and {other.Server} are one and the same server, which must not vote twice: name independent servers in " +
                "connection.endpoints.",
                isTransient: false);
        }
    }

    /// <summary>Lets all servers vote if every one of them answers and none has ever been admitted.</summary>
    /// <returns>Whether they were admitted, or are being so.</returns>
    private async Task<bool> AdmitNewQuorumAsync(CancellationToken cancellationToken)
    {
        await _joint.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            RedisLife?[] lives = await ReadAsync(voters, cancellationToken).ConfigureAwait(false);
            if (lives.Any(static life => life is null))
                return false;
            if (lives.All(static life => life!.Note.Length == 0))
            {
                await Task.WhenAll(
                    voters.Zip(lives, (voter, life) => voter.AdmitAsync(life!, TimeSpan.Zero, cancellationToken))).ConfigureAwait(false);
                return true;
            }

            if (lives.All(static life => life!.Note.Length > 0))
                return true;
            await Task.Delay(s_moment, time, cancellationToken).ConfigureAwait(false);
            return false;
        }
        finally
        {
            _joint.Release();
        }
    }

    /// <summary>For how long a server that has lost its memory is to stay out: until every lease that it may have voted for has
    /// ended.</summary>
    /// <remarks>
    /// A lease has the votes of a majority, all of which had its ttl on record before any of them was asked. So among as many of the others
    /// as are more than all but a majority there is one that has it, if it has not lost its memory as well: then its own rest covers what
    /// it forgot. Where a majority has forgotten nobody can tell, and what is known has to do.
    /// </remarks>
    private async Task<TimeSpan> RestAsync(RedisVoter voter, RedisLife life, CancellationToken cancellationToken)
    {
        RedisVoter[] others = [.. voters.Where(other => other != voter)];
        RedisLife?[] lives = await ReadAsync(others, cancellationToken).ConfigureAwait(false);
        // One server under two names has one vote, and tells no more than once.
        var runIds = new HashSet<string> { life.RunId };
        List<RedisLife?> servers = lives.Where(
            other => other is not null && (other.RunId == RedisLife.Unknown || runIds.Add(other.RunId))).ToList();
        int twins = lives.Count(static other => other is not null) - servers.Count;
        List<RedisLife?> known = servers.Where(static other => other!.IsNoted).ToList();
        int forgetful = 1 + servers.Count - known.Count;
        int needed = voters.Count - twins - Majority + 1;
        if (known.Count < needed && forgetful < Majority)
        {
            throw Refused(
                $"{voter.Server} has restarted without its data, or was flushed, and does not vote before {needed} of the others have " +
                "told how long the leases may live that it has "
                + $"forgotten; {known.Count} have", isTransient: true);
        }

        // What this process asks for is what clients of other libraries, which put nothing on record, are assumed to ask for at most.
        TimeSpan rest = TimeSpan.FromTicks(Volatile.Read(ref _longestTicks));
        foreach (RedisLife? other in known)
            rest = Longer(rest, Longer(other!.Longest, other.Rest));
        return rest > TimeSpan.MaxValue / 2 ? TimeSpan.MaxValue / 2 : rest * 1.01 + s_margin;
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    /// <summary>What servers say; null for those that do not answer.</summary>
    private static async Task<RedisLife?[]> ReadAsync(IReadOnlyList<RedisVoter> servers, CancellationToken cancellationToken)
    {
        return await Task.WhenAll(servers.Select(ReadOneAsync)).ConfigureAwait(false);

        async Task<RedisLife?> ReadOneAsync(RedisVoter server)
        {
            try
            {
                return await server.ReadLifeAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (LockStoreException)
            {
                return null;
            }
        }
    }

    private static LockStoreException Refused(string why, bool isTransient) => new(why, isTransient) { MayHaveBeenApplied = false };
}
