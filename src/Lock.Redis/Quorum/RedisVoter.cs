using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>What one server of a quorum does besides the steps of a store: votes, tokens that rise to the quorum's, and
/// admission.</summary>
/// <param name="store">Its locks.</param>
/// <param name="schedule">How steps that wait for others are sent soon; null for the pool.</param>
internal sealed class RedisVoter(RedisLockStore store, Action<Action>? schedule = null)
{
    /// <summary>How far a proposed token may be from the server's clock, at most; and never more than half of the retention.</summary>
    private static readonly TimeSpan s_longestSlack = TimeSpan.FromMinutes(1);

    private static readonly RedisScript s_admit = new("admit.lua");
    private static readonly RedisScript s_readLife = new("life.lua");

    /// <summary>How long a server's clock is taken to be where it was seen, and what that may be off by.</summary>
    private static readonly TimeSpan s_clockMemory = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_clockSlack = TimeSpan.FromMilliseconds(100);

    private readonly RedisConnection _connection = store.Connection;
    private readonly NodeStepQueue _queue = new(store.Connection, LifeOf(store.Layout), store.Layout.Channel, schedule);
    private ClockSeen? _clock;

    public RedisLockStore Store => store;

    /// <summary>The key of the note from when on this server votes. It begins with the prefix, as all keys do, and is not text, so that no
    /// lock's key is the same.</summary>
    public byte[] Life { get; } = LifeOf(store.Layout);

    /// <summary>The key of the ttls on record at this server.</summary>
    public byte[] Ttls { get; } = [.. Encoding.UTF8.GetBytes(store.Layout.Prefix), .. "lock"u8, LockKeys.Mark, .. "ttls"u8];

    public string Server => _connection.Server;

    /// <summary>Writes what is voted on, for all servers of a quorum.</summary>
    /// <param name="request">For whom.</param>
    /// <param name="token">The token that the servers may agree on.</param>
    /// <param name="retention">How long the token outlives the lease.</param>
    public BallotPaper Write(AcquireRequest request, long token, TimeSpan retention) =>
        new(store.Layout, Life, request, token, retention, _connection.Time.GetTimestamp());

    /// <summary>Asks for a vote. With another note than the step's the server gives none.</summary>
    /// <param name="step">Told of the answer, which <see cref="Read"/> reads.</param>
    /// <param name="retention">How long the token outlives the lease.</param>
    /// <param name="cancellationToken">Ends the request as long as it has not been sent; then leaves the outcome unknown.</param>
    public void Vote(NodeStep step, TimeSpan retention, CancellationToken cancellationToken)
    {
        (BallotPaper paper, string note) = (step.Paper!, step.Note!);
        long slack = Math.Min(s_longestSlack.Ticks, retention.Ticks / 2) / TimeSpan.TicksPerMicrosecond;
        if (!cancellationToken.CanBeCanceled && note.StartsWith("0 ", StringComparison.Ordinal) && IsNear(paper, note, retention))
        {
            _queue.Add(step);
            return;
        }

        _queue.Flush();
        RedisValue[] values = [paper.Id, paper.Ttl, paper.Proposal, paper.FenceLife, note, slack];
        _connection.Send(step, new(ScriptSet.Vote, paper.Keys, values), cancellationToken);
    }

    /// <summary>Ends a holder's lease; its fence lives on as long as it was given.</summary>
    /// <param name="step">Told of the answer, which <see cref="RedisLockStore.ReadTold"/> reads.</param>
    public void Release(NodeStep step) => _queue.Add(step);

    /// <summary>The same by the id alone, and the fence lives no longer than the retention from now on.</summary>
    public void Release(NodeStep step, string key, string holderId)
    {
        _queue.Flush();
        _connection.Send(step, store.ReleaseOf(key, holderId), CancellationToken.None);
    }

    /// <summary>Reads a vote (vote.lua).</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="paper">What was voted on.</param>
    /// <param name="note">The note that was named.</param>
    public RedisVote Read(RedisResult answer, BallotPaper paper, string note)
    {
        if (answer.Resp2Type == ResultType.Integer)
            return new RedisVote(RedisVoteKind.Granted, paper.Token);
        RedisVote vote = ReadLine((string?)answer ?? "");
        // Taken as it was proposed, with a look at the server's clock or when there had been one.
        if (vote is { Kind: RedisVoteKind.Granted, HeldBefore: false } && vote.Token == paper.Token)
            _clock = new ClockSeen(note, paper);
        return vote;
    }

    /// <summary>What is sent from now on comes behind all steps that were begun.</summary>
    public void Flush() => _queue.Flush();

    /// <summary>Raises a holder's token.</summary>
    public async Task<bool> RaiseAsync(string key, string holderId, long token, CancellationToken cancellationToken)
    {
        _queue.Flush();
        LockKeys keys = store.Layout.KeysOf(key);
        return (int)await _connection.EvaluateAsync(
            ScriptSet.Raise, keys.ToArray(2), [holderId, token], cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <summary>Takes a vote back. Sent as text, so that it keeps its place behind the vote and before the next one of the same
    /// holder.</summary>
    public async Task WithdrawAsync(string key, string holderId, TimeSpan retention, bool quietly, CancellationToken cancellationToken)
    {
        _queue.Flush();
        LockKeys keys = store.Layout.KeysOf(key);
        object[] arguments =
        [
            ScriptSet.Withdraw.Text, 2, (RedisKey)keys.Record, (RedisKey)keys.Fence, holderId,
            RecordSteps.Milliseconds(retention),
            quietly ? "" : _connection.Channels.Of(store.Layout.Channel), store.Layout.NoticeOf(keys, holderId),
        ];
        await _connection.ExecuteAsync("EVAL", arguments, TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks whether it answers at all.</summary>
    public async Task PingAsync(CancellationToken cancellationToken) =>
        await _connection.ExecuteAsync("PING", [], TimeSpan.Zero, cancellationToken).ConfigureAwait(false);

    /// <summary>Reads what was noted about the server's vote, and the longest ttl on record there.</summary>
    public Task<RedisLife> ReadLifeAsync(CancellationToken cancellationToken) =>
        DeclareAsync(TimeSpan.Zero, TimeSpan.Zero, cancellationToken);

    /// <summary>The same, and puts a ttl on record if the note is of the server's present life.</summary>
    /// <param name="ttl">Leases so long are to be asked for; zero for none.</param>
    /// <param name="serves">For how long from now on such leases may begin.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    public async Task<RedisLife> DeclareAsync(TimeSpan ttl, TimeSpan serves, CancellationToken cancellationToken)
    {
        string[] answer = (string[])(await _connection.EvaluateAsync(
            s_readLife, [Life, Ttls], [RecordSteps.Milliseconds(ttl), RecordSteps.Milliseconds(serves)], cancellationToken)
            .ConfigureAwait(false))!;
        if (ttl > TimeSpan.Zero)
            Teach();
        return new RedisLife(
            answer[0],
            answer[1],
            long.Parse(answer[2], CultureInfo.InvariantCulture),
            RedisLife.Span(long.Parse(answer[3], CultureInfo.InvariantCulture)));
    }

    private static byte[] LifeOf(KeyLayout layout) =>
        [.. Encoding.UTF8.GetBytes(layout.Prefix), .. "lock"u8, LockKeys.Mark, .. "life"u8];

    /// <summary>Has the server read the scripts of the common path, before any vote is asked for. One that it did not know would be sent
    /// once more, and might then come behind what takes it back.</summary>
    private void Teach()
    {
        // No note is empty, and no holder's id.
        Teach(ScriptSet.Vote, [Life, Life, Life], "", 1, "", 1, "");
        Teach(ScriptSet.ReleaseVote, [Life], "", "");
        Teach(ScriptSet.VoteBatch, [Life], "", "", "");
    }

    private void Teach(RedisScript script, byte[][] keys, params object[] values) => TaskFaults.Forget(_connection.ExecuteAsync(
        "EVAL",
        [script.Text, keys.Length, .. keys.Select(static key => (object)(RedisKey)key), .. values],
        TimeSpan.Zero,
        CancellationToken.None));

    /// <summary>Whether the server's clock was seen a moment ago to be near this proposal, so that it need not look again.</summary>
    /// <remarks>Proposals are of this machine's clock: one that was set since is further from the last than time has passed. A request that
    /// may be under way for longer than fences are kept has to look when it arrives: a grant in between may have left no trace.</remarks>
    private bool IsNear(BallotPaper paper, string note, TimeSpan retention)
    {
        if (_clock is not { } seen || !ReferenceEquals(seen.Note, note)
            || retention / 2 < s_clockMemory || retention / 2 < _connection.CommandTimeout
            || _connection.Time.GetElapsedTime(paper.WrittenAt) > s_clockMemory)
        {
            return false;
        }

        TimeSpan since = _connection.Time.GetElapsedTime(seen.Paper.WrittenAt, paper.WrittenAt);
        return since < s_clockMemory &&
            Math.Abs(paper.Token - seen.Paper.Token - since.TotalMicroseconds) < s_clockSlack.TotalMicroseconds;
    }

    /// <summary>Reads the line that a vote is otherwise.</summary>
    private static RedisVote ReadLine(string line)
    {
        ReadOnlySpan<char> rest = line.AsSpan(Math.Min(line.Length, 2));
        switch (line[0])
        {
            case '1' or '4':
                return new RedisVote(RedisVoteKind.Granted, Token: Number(rest), HeldBefore: line[0] == '4');
            case '2':
                return new RedisVote(RedisVoteKind.NotAdmitted);
            case '3':
                return new RedisVote(RedisVoteKind.Abstained, Remaining: TimeSpan.FromMilliseconds(Number(rest)));
            default:
                int end = rest.IndexOf(' ');
                long left = Number(rest[..end]);
                return new RedisVote(
                    RedisVoteKind.Busy,
                    Remaining: left < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(left),
                    HolderId: rest[(end + 3)..].ToString(),
                    IsStranger: rest[end + 1] == '1');
        }

        static long Number(ReadOnlySpan<char> text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
    }

    /// <summary>Notes from when on the server votes, unless the note has changed since it was read.</summary>
    public async Task AdmitAsync(RedisLife life, TimeSpan after, CancellationToken cancellationToken) =>
        await _connection.EvaluateAsync(
            s_admit, [Life], [life.Note, RecordSteps.Milliseconds(after), life.RunId, Guid.NewGuid().ToString("N")], cancellationToken)
            .ConfigureAwait(false);

    /// <summary>A server's clock was near a proposal.</summary>
    private sealed record ClockSeen(string Note, BallotPaper Paper);
}
