using System.Collections.Concurrent;

namespace Locking;

/// <summary>Decides from when on a server may vote.</summary>
/// <remarks>
/// <para>A server that restarted without its data has forgotten its votes: counted again it could give a second holder the majority. So it
/// stays out until the longest lease that it may have voted for has ended. Its own uptime says when that is.</para>
/// <para>The decision is noted on the server itself, and the vote script looks for the note: a server that comes back empty between two votes
/// is noticed by the vote, not by whatever the client noticed of the connection. A note that was brought back from a file names an earlier life.</para>
/// <para>Where every server answers and none has a note, the quorum is new, and all vote at once. A process that has seen notes before
/// knows better: then all of them have lost their memory, and all of them wait.</para>
/// </remarks>
internal sealed class Admission(IReadOnlyList<RedisVoter> voters, TimeSpan longestTtl, TimeProvider time) : IDisposable
{
    /// <summary>Uptimes are whole seconds, rounded down, and clocks differ.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromSeconds(1);

    /// <summary>Another process that admits a new quorum at the same moment is given this long to be done with it.</summary>
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<RedisVoter, bool> _seenNoted = new();
    private readonly ConcurrentDictionary<RedisVoter, string> _runIds = new();
    private readonly SemaphoreSlim _joint = new(1, 1);
    private long _longestTicks = longestTtl.Ticks;

    /// <summary>Leases of this length are asked for.</summary>
    public void Covers(TimeSpan ttl)
    {
        var longest = Volatile.Read(ref _longestTicks);
        while (ttl.Ticks > longest)
        {
            var seen = Interlocked.CompareExchange(ref _longestTicks, ttl.Ticks, longest);
            if (seen == longest)
                return;
            longest = seen;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _joint.Dispose();

    /// <summary>Notes from when on a server votes, if that is not noted yet.</summary>
    /// <exception cref="LockStoreException">The server did not answer.</exception>
    public async Task AdmitAsync(RedisVoter voter, CancellationToken cancellationToken)
    {
        var life = await ReadAsync(voter, cancellationToken).ConfigureAwait(false);
        if (life.IsNoted)
            return;
        var longest = TimeSpan.FromTicks(Volatile.Read(ref _longestTicks)) * 1.01 + s_margin;
        if (life.Note.Length == 0 && _seenNoted.ContainsKey(voter))
        {
            // It has voted in our own time, and has forgotten: its age says nothing, it may have been flushed just now.
            await voter.AdmitAsync(life, longest, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (life.Note.Length == 0 && _seenNoted.IsEmpty)
        {
            await AdmitNewQuorumAsync(cancellationToken).ConfigureAwait(false);
            life = await ReadAsync(voter, cancellationToken).ConfigureAwait(false);
            if (life.IsNoted)
                return;
        }

        await voter.AdmitAsync(life, life.Uptime >= longest ? TimeSpan.Zero : longest - life.Uptime, cancellationToken).ConfigureAwait(false);
    }

    private async Task<RedisLife> ReadAsync(RedisVoter voter, CancellationToken cancellationToken)
    {
        var life = await voter.ReadLifeAsync(cancellationToken).ConfigureAwait(false);
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
        foreach (var (other, theirs) in _runIds)
        {
            if (other == voter || theirs != runId)
                continue;
            _runIds.TryRemove(voter, out _);
            throw new LockStoreException(
                $"{voter.Server} and {other.Server} are one and the same server, which must not vote twice: name independent servers in connection.endpoints.",
                isTransient: false)
            {
                MayHaveBeenApplied = false,
            };
        }
    }

    /// <summary>Lets all servers vote if every one of them answers and none has ever been admitted.</summary>
    private async Task AdmitNewQuorumAsync(CancellationToken cancellationToken)
    {
        await _joint.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var lives = await ReadAllAsync(cancellationToken).ConfigureAwait(false);
            if (lives is null)
                return;
            if (Array.TrueForAll(lives, static life => life.Note.Length == 0))
            {
                await Task.WhenAll(voters.Zip(lives, (voter, life) => voter.AdmitAsync(life, TimeSpan.Zero, cancellationToken))).ConfigureAwait(false);
            }
            else if (Array.Exists(lives, static life => life.Note.Length == 0))
            {
                await Task.Delay(s_moment, time, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _joint.Release();
        }
    }

    /// <summary>What all servers say; null when one does not answer.</summary>
    private async Task<RedisLife[]?> ReadAllAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await Task.WhenAll(voters.Select(voter => voter.ReadLifeAsync(cancellationToken))).ConfigureAwait(false);
        }
        catch (LockStoreException)
        {
            return null;
        }
    }
}
