namespace Locking;

/// <summary>What a broker of ours says.</summary>
internal sealed partial class BrokerConnection
{
    private void OnOwn(in WireMessage message)
    {
        if (message.Type.TextEquals("lk-lost"u8))
        {
            OnLost(in message);
            return;
        }

        if (!message.Number.TryGetInteger(out var number))
            return;
        PendingAnswer? pending;
        lock (_gate)
        {
            if (!_pending.TryGetValue(number, out pending))
                return;
            if (message.Type.TextEquals("lk-queued"u8))
            {
                pending.IsQueued = true;
                pending.Acquire?.Progress?.OnQueued();
                return;
            }

            if (message.Type.TextEquals("lk-item"u8))
            {
                pending.Items.Add(InfoOf(in message));
                pending.SentAt = Time.GetTimestamp();
                return;
            }

            // A place that cannot be given up because the grant was faster: that grant is on its way.
            if (message.Type.TextEquals("lk-kept"u8))
                return;
            _pending.Remove(number);
        }

        var answer = AnswerOf(in message);
        if (answer.Kind == AnswerKind.Granted && pending.Acquire is { } request)
        {
            // On the reading loop: a loss of the same lease can only be read after this.
            var begun = pending.SentAt + (long)(answer.Queued.TotalSeconds * Time.TimestampFrequency);
            _client.Leases.Add(request, answer.Token, begun, this);
        }

        if (pending.TryDecide(answer))
            Answered(pending);
    }

    private static BrokerAnswer AnswerOf(in WireMessage message)
    {
        if (message.Type.TextEquals("lk-granted"u8))
        {
            message.Token.TryGetInteger(out var token);
            message.Queued.TryGetInteger(out var queued);
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

    private static LockInfo InfoOf(in WireMessage message) => new(
        message.Key.GetText() ?? "", message.Id.GetText() ?? "", message.Owner.GetText() ?? "",
        message.Token.TryGetInteger(out var token) ? token : null, RemainingOf(in message) ?? TimeSpan.Zero);

    private static TimeSpan? RemainingOf(in WireMessage message)
    {
        if (!message.Remaining.TryGetInteger(out var milliseconds))
            return null;
        return milliseconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(Math.Min(milliseconds, WireTypes.LongestTtl));
    }

    private void OnLost(in WireMessage message)
    {
        if (message.Key.GetText() is not { } key || message.Id.GetText() is not { } id || !_client.Leases.Remove(id))
            return;
        var reason = message.Reason.TextEquals("forced"u8) ? LostReason.Forced
            : message.Reason.TextEquals("expired"u8) ? LostReason.Expired : LostReason.Removed;
        _client.OnLost(new StoreLoss(key, id, reason));
    }

    private void Ping() => Ask(
        new PendingAnswer(_client.NextNumber(), null, waits: false),
        static (line, number, _) => line.Raw("{\"type\":\"lk-ping\",\"n\":"u8).Integer(number).Raw("}\n"u8),
        0);
}
