namespace Locking;

/// <summary>A server's answer to the request for a vote.</summary>
internal enum RedisVoteKind
{
    Granted,
    Busy,
    NotAdmitted,
    Abstained,
}

/// <summary>A vote.</summary>
internal readonly record struct RedisVote(
    RedisVoteKind Kind,
    long Token = 0,
    bool HeldBefore = false,
    TimeSpan? Remaining = null,
    string? HolderId = null,
    bool IsStranger = false);
