using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>What one server of a quorum does besides the steps of a store: votes, tokens that rise to the quorum's, and admission.</summary>
internal sealed class RedisVoter(RedisLockStore store)
{
    /// <summary>How far a proposed token may be from the server's clock, at most; and never more than half of the retention.</summary>
    private static readonly TimeSpan s_longestSlack = TimeSpan.FromMinutes(1);

    private static readonly RedisScript s_admit = new("admit.lua");
    private static readonly RedisScript s_readLife = new("life.lua");

    private static readonly Func<RedisResult, RedisVote> s_readVote = static answer => ReadVote((string?)answer ?? "");

    private readonly RedisConnection _connection = store.Connection;

    public RedisLockStore Store => store;

    /// <summary>The key of the note from when on this server votes. It begins with the prefix, as all keys do, and is not text, so that no lock's
    /// key is the same.</summary>
    public byte[] Life { get; } = [.. Encoding.UTF8.GetBytes(store.Layout.Prefix), .. "lock"u8, LockKeys.Mark, .. "life"u8];

    public string Server => _connection.Server;

    /// <summary>Asks for a vote.</summary>
    public Task<RedisVote> VoteAsync(AcquireRequest request, long proposedToken, TimeSpan retention, CancellationToken cancellationToken)
    {
        var keys = store.Layout.KeysOf(request.Key);
        var slack = Math.Min(s_longestSlack.Ticks, retention.Ticks / 2) / TimeSpan.TicksPerMicrosecond;
        RedisValue[] values =
        [
            request.HolderId, RedisLockStore.TtlValue(request.Ttl), RedisLockStore.FenceLife(request.Ttl, retention), request.Owner, proposedToken, slack,
        ];
        return _connection.EvaluateAsync(store.Layout.Scripts.Vote, [keys.Record, keys.Fence, Life], values, s_readVote, cancellationToken);
    }

    /// <summary>Raises a holder's token.</summary>
    public async Task<bool> RaiseAsync(string key, string holderId, long token, CancellationToken cancellationToken)
    {
        var keys = store.Layout.KeysOf(key);
        return (int)await _connection.EvaluateAsync(
            store.Layout.Scripts.Raise, keys.ToArray(2), [holderId, token], cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <summary>Takes a vote back. Sent as text, so that it keeps its place behind the vote and before the next one of the same holder.</summary>
    public async Task WithdrawAsync(string key, string holderId, TimeSpan retention, bool quietly, CancellationToken cancellationToken)
    {
        var keys = store.Layout.KeysOf(key);
        object[] arguments =
        [
            store.Layout.Scripts.Withdraw.Text, 2, (RedisKey)keys.Record, (RedisKey)keys.Fence, holderId, RedisLockStore.Milliseconds(retention),
            quietly ? "" : _connection.ChannelName(store.Layout.Channel), store.Layout.NoticeOf(keys, holderId),
        ];
        await _connection.ExecuteAsync("EVAL", arguments, TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks whether it answers at all.</summary>
    public async Task PingAsync(CancellationToken cancellationToken) =>
        await _connection.ExecuteAsync("PING", [], TimeSpan.Zero, cancellationToken).ConfigureAwait(false);

    /// <summary>Reads since when the server runs, and what was noted about its vote.</summary>
    public async Task<RedisLife> ReadLifeAsync(CancellationToken cancellationToken)
    {
        var answer = (RedisResult[])(await _connection.EvaluateAsync(s_readLife, [Life], [], cancellationToken).ConfigureAwait(false))!;
        var info = (string?)answer[0] ?? "";
        var note = (string?)answer[1] ?? "";
        var time = (string[])answer[2]!;
        return new RedisLife(
            Field("run_id") ?? RedisLife.Unknown,
            TimeSpan.FromSeconds(long.Parse(Field("uptime_in_seconds") ?? "0", CultureInfo.InvariantCulture)),
            note,
            DateTimeOffset.FromUnixTimeSeconds(long.Parse(time[0], CultureInfo.InvariantCulture)));

        string? Field(string name)
        {
            foreach (var line in info.AsSpan().EnumerateLines())
            {
                if (line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] == ':')
                    return line[(name.Length + 1)..].Trim().ToString();
            }

            return null;
        }
    }

    /// <summary>Reads the line that a vote is (vote.lua).</summary>
    private static RedisVote ReadVote(string line)
    {
        var rest = line.AsSpan(Math.Min(line.Length, 2));
        switch (line[0])
        {
            case '1' or '4':
                return new RedisVote(RedisVoteKind.Granted, Token: Number(rest), HeldBefore: line[0] == '4');
            case '2':
                return new RedisVote(RedisVoteKind.NotAdmitted);
            case '3':
                return new RedisVote(RedisVoteKind.Abstained, Remaining: TimeSpan.FromMilliseconds(Number(rest)));
            default:
                var end = rest.IndexOf(' ');
                var left = Number(rest[..end]);
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
            s_admit, [Life], [life.Note, RedisLockStore.Milliseconds(after), life.RunId], cancellationToken).ConfigureAwait(false);
}

/// <summary>A server's answer to the request for a vote.</summary>
internal enum RedisVoteKind
{
    Granted,
    Busy,
    NotAdmitted,
    Abstained,
}

/// <summary>A vote.</summary>
internal sealed record RedisVote(
    RedisVoteKind Kind, long Token = 0, bool HeldBefore = false, TimeSpan? Remaining = null, string? HolderId = null, bool IsStranger = false);

/// <summary>One life of a server, from start to end.</summary>
/// <param name="RunId">New at each start.</param>
/// <param name="Uptime">How long it runs, in whole seconds, rounded down.</param>
/// <param name="Note">What was noted about its vote; empty for nothing.</param>
/// <param name="Now">Its clock, in whole seconds, rounded down.</param>
internal sealed record RedisLife(string RunId, TimeSpan Uptime, string Note, DateTimeOffset Now)
{
    /// <summary>The run id of a server that does not tell.</summary>
    public const string Unknown = "?";

    /// <summary>Whether it is noted to vote by now.</summary>
    public bool Votes => IsNoted && long.TryParse(Note.AsSpan(0, Note.IndexOf(' ')), NumberStyles.None, CultureInfo.InvariantCulture, out var from) &&
        from <= Now.ToUnixTimeMilliseconds();

    /// <summary>Whether the note was made in this life, and not brought back from a file.</summary>
    public bool IsNoted => Note.EndsWith(" " + RunId, StringComparison.Ordinal);
}
