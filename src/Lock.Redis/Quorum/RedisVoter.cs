using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>What one server of a quorum does besides the steps of a store: votes, tokens that rise to the quorum's, and
/// admission.</summary>
internal sealed class RedisVoter(RedisLockStore store)
{
    /// <summary>How far a proposed token may be from the server's clock, at most; and never more than half of the retention.</summary>
    private static readonly TimeSpan s_longestSlack = TimeSpan.FromMinutes(1);

    private static readonly RedisScript s_admit = new("admit.lua");
    private static readonly RedisScript s_readLife = new("life.lua");

    private static readonly Func<RedisResult, RedisVote> s_readVote = static answer => ReadVote((string?)answer ?? "");

    private readonly RedisConnection _connection = store.Connection;

    public RedisLockStore Store => store;

    /// <summary>The key of the note from when on this server votes. It begins with the prefix, as all keys do, and is not text, so that no
    /// lock's key is the same.</summary>
    public byte[] Life { get; } = [.. Encoding.UTF8.GetBytes(store.Layout.Prefix), .. "lock"u8, LockKeys.Mark, .. "life"u8];

    /// <summary>The key of the ttls on record at this server.</summary>
    public byte[] Ttls { get; } = [.. Encoding.UTF8.GetBytes(store.Layout.Prefix), .. "lock"u8, LockKeys.Mark, .. "ttls"u8];

    public string Server => _connection.Server;

    /// <summary>Asks for a vote.</summary>
    /// <param name="request">For whom.</param>
    /// <param name="note">What is known to be noted about its vote. With another note it gives none.</param>
    /// <param name="proposedToken">The token that the servers may agree on.</param>
    /// <param name="retention">How long the token outlives the lease.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    public Task<RedisVote> VoteAsync(
        AcquireRequest request, string note, long proposedToken, TimeSpan retention, CancellationToken cancellationToken)
    {
        LockKeys keys = store.Layout.KeysOf(request.Key);
        long slack = Math.Min(s_longestSlack.Ticks, retention.Ticks / 2) / TimeSpan.TicksPerMicrosecond;
        RedisValue[] values =
        [
            request.HolderId, RecordSteps.TtlValue(request.Ttl), RecordSteps.FenceLife(request.Ttl, retention), request.Owner,
            proposedToken, slack, note,
        ];
        return _connection.EvaluateAsync(store.Layout.Scripts.Vote, [keys.Record, keys.Fence, Life], values, s_readVote, cancellationToken);
    }

    /// <summary>Raises a holder's token.</summary>
    public async Task<bool> RaiseAsync(string key, string holderId, long token, CancellationToken cancellationToken)
    {
        LockKeys keys = store.Layout.KeysOf(key);
        return (int)await _connection.EvaluateAsync(
            store.Layout.Scripts.Raise, keys.ToArray(2), [holderId, token], cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <summary>Takes a vote back. Sent as text, so that it keeps its place behind the vote and before the next one of the same
    /// holder.</summary>
    public async Task WithdrawAsync(string key, string holderId, TimeSpan retention, bool quietly, CancellationToken cancellationToken)
    {
        LockKeys keys = store.Layout.KeysOf(key);
        object[] arguments =
        [
            store.Layout.Scripts.Withdraw.Text, 2, (RedisKey)keys.Record, (RedisKey)keys.Fence, holderId,
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
        return new RedisLife(
            answer[0],
            answer[1],
            long.Parse(answer[2], CultureInfo.InvariantCulture),
            RedisLife.Span(long.Parse(answer[3], CultureInfo.InvariantCulture)));
    }

    /// <summary>Reads the line that a vote is (vote.lua).</summary>
    private static RedisVote ReadVote(string line)
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
}
