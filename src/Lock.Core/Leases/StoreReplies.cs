namespace Locking;

/// <summary>What a store's answer means to a caller.</summary>
internal static class StoreReplies
{
    /// <summary>The outcome of a release that was answered so.</summary>
    public static UnlockOutcome ToOutcome(this StoreReply reply) => reply switch
    {
        StoreReply.Done => UnlockOutcome.Released,
        StoreReply.NotHeld => UnlockOutcome.AlreadyExpired,
        StoreReply.HeldByAnother => UnlockOutcome.HeldByAnother,
        _ => throw new InvalidOperationException($"Unknown store reply {reply}."),
    };
}
