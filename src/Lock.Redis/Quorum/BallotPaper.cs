using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>What is voted on, and what ends it, written once for all servers.</summary>
internal sealed class BallotPaper
{
    private readonly TimeSpan _ttl;
    private readonly TimeSpan _retention;

    /// <summary>Writes it.</summary>
    /// <param name="layout">How keys are named.</param>
    /// <param name="life">The key of the note about a server's vote.</param>
    /// <param name="request">For whom.</param>
    /// <param name="token">The token that the servers may agree on.</param>
    /// <param name="retention">How long the token outlives the lease.</param>
    /// <param name="writtenAt">When, in the clock's timestamps.</param>
    public BallotPaper(KeyLayout layout, byte[] life, AcquireRequest request, long token, TimeSpan retention, long writtenAt)
    {
        string record = layout.Prefix + request.Key;
        Keys = [Encoding.UTF8.GetBytes(record), LockKeys.FenceOf(record), life];
        Id = request.HolderId;
        Ttl = RecordSteps.TtlValue(request.Ttl);
        FenceLife = RecordSteps.FenceLife(request.Ttl, retention);
        // As many digits as no token has more of: so the scripts compare it as text.
        Proposal = Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{token:D16} {request.HolderId} {request.Owner}"));
        Token = token;
        WrittenAt = writtenAt;
        _ttl = request.Ttl;
        _retention = retention;
    }

    /// <summary>Record, fence, and the note about the vote.</summary>
    public RedisKey[] Keys { get; }

    /// <summary>The holder's id.</summary>
    public RedisValue Id { get; }

    /// <summary>The lease, in milliseconds.</summary>
    public RedisValue Ttl { get; }

    /// <summary>The fence as proposed.</summary>
    public RedisValue Proposal { get; }

    /// <summary>How long the fence lives, in milliseconds.</summary>
    public RedisValue FenceLife { get; }

    /// <summary>The token that is proposed.</summary>
    public long Token { get; }

    /// <summary>When it was written.</summary>
    public long WrittenAt { get; }

    /// <summary>Whether the fence may live on as long as it was given, when a lease of this length is released: the retention twice at the
    /// most.</summary>
    public bool KeepsFence(TimeSpan longestTtl) => (longestTtl > _ttl ? longestTtl : _ttl) <= _retention;
}
