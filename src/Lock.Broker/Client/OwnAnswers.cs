namespace Locking;

/// <summary>Reads what a broker of ours says.</summary>
internal static class OwnAnswers
{
    /// <summary>The answer that a message is.</summary>
    public static BrokerAnswer Read(in WireMessage message)
    {
        if (message.Type.TextEquals("lk-granted"u8))
        {
            message.Token.TryGetInteger(out long token);
            message.Queued.TryGetInteger(out long queued);
            return new BrokerAnswer(AnswerKind.Granted) { Token = token, Queued = TimeSpan.FromMicroseconds(Math.Max(0, queued)) };
        }

        if (message.Type.TextEquals("lk-busy"u8))
            return new BrokerAnswer(AnswerKind.Busy) { Remaining = RemainingOf(in message) };
        if (message.Type.TextEquals("lk-done"u8))
            return new BrokerAnswer(AnswerKind.Done);
        if (message.Type.TextEquals("lk-none"u8))
            return new BrokerAnswer(AnswerKind.None);
        if (message.Type.TextEquals("lk-other"u8))
            return new BrokerAnswer(AnswerKind.Other);
        if (message.Type.TextEquals("lk-unknown"u8))
            return new BrokerAnswer(AnswerKind.NotKnownYet) { Remaining = RemainingOf(in message) };
        if (message.Type.TextEquals("lk-info"u8))
            return new BrokerAnswer(AnswerKind.Info) { Info = InfoOf(in message) };
        if (message.Type.TextEquals("lk-status"u8))
            return new BrokerAnswer(AnswerKind.Status) { Remaining = RemainingOf(in message), Error = message.Warning.GetText() };
        return new BrokerAnswer(AnswerKind.Refused) { Error = message.Error.GetText() ?? "an answer that this client does not know" };
    }

    /// <summary>The lease that a message tells of.</summary>
    public static LockInfo InfoOf(in WireMessage message) => new(
        message.Key.GetText() ?? "", message.Id.GetText() ?? "", message.Owner.GetText() ?? "",
        message.Token.TryGetInteger(out long token) ? token : null, RemainingOf(in message) ?? TimeSpan.Zero);

    /// <summary>Why a lease was taken away.</summary>
    public static LostReason ReasonOf(in WireMessage message) => message.Reason.TextEquals("forced"u8) ? LostReason.Forced
        : message.Reason.TextEquals("expired"u8) ? LostReason.Expired : LostReason.Removed;

    private static TimeSpan? RemainingOf(in WireMessage message)
    {
        if (!message.Remaining.TryGetInteger(out long milliseconds))
            return null;
        return milliseconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(Math.Min(milliseconds, WireTypes.LongestTtl));
    }
}
