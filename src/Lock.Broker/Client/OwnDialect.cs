namespace Locking;

/// <summary>How a client speaks to a broker of ours. Steps and fields: docs/broker-protocol.md.</summary>
internal sealed class OwnDialect(ClientContext context, OpenRequests requests, AnsweredBatch answered, long connection) : IBrokerDialect
{
    /// <inheritdoc/>
    public TimeSpan WatchPeriod => context.WatchPeriod;

    /// <inheritdoc/>
    public void OnMessage(in WireMessage message)
    {
        if (message.Type.TextEquals("lk-lost"u8))
        {
            OnLost(in message);
            return;
        }

        if (!message.Number.TryGetInteger(out long number))
            return;
        if (message.Type.TextEquals("lk-queued"u8))
            requests.OnQueued(number);
        else if (message.Type.TextEquals("lk-item"u8))
            requests.OnItem(number, OwnAnswers.InfoOf(in message));
        else if (message.Type.TextEquals("lk-kept"u8))
            return; // the grant was faster, and is on its way
        else if (requests.Take(number) is { } pending)
            OnAnswer(pending, OwnAnswers.Read(in message));
    }

    /// <inheritdoc/>
    public void AskAcquire(PendingAnswer pending) =>
        requests.Ask(pending, static (line, number, one) => ComposeAcquire(line, number, one), pending);

    /// <inheritdoc/>
    public void AskExtend(PendingAnswer pending, string key, string holderId, TimeSpan ttl) => requests.Ask(
        pending,
        static (line, number, s) => Start(line, "extend"u8, number, s.key).Raw(",\"id\":"u8).Text(s.holderId)
            .Raw(",\"ttl\":"u8).Milliseconds(s.ttl).Raw("}\n"u8),
        (key, holderId, ttl));

    /// <inheritdoc/>
    public void AskRelease(PendingAnswer pending, string key, string holderId, HeldLease? lease)
    {
        // A broker that was started after the grant is shown the lease first, on the same connection, so that it answers what is true.
        if (lease is not null && lease.Connection != connection && context.Leases.RemainingOf(lease) is var left && left != TimeSpan.Zero)
            AskReclaim(new PendingAnswer(context.NextNumber(), null, waits: false), lease, left);
        requests.Ask(
            pending,
            static (line, number, s) => Start(line, "release"u8, number, s.key).Raw(",\"id\":"u8).Text(s.holderId).Raw("}\n"u8),
            (key, holderId));
    }

    /// <inheritdoc/>
    public void AskReclaim(PendingAnswer pending, HeldLease lease, TimeSpan remaining) =>
        requests.Ask(pending, static (line, number, s) => ComposeReclaim(line, number, s.lease, s.remaining), (lease, remaining));

    /// <inheritdoc/>
    public void AskGet(PendingAnswer pending, string key) =>
        requests.Ask(pending, static (line, number, key) => Start(line, "get"u8, number, key).Raw("}\n"u8), key);

    /// <inheritdoc/>
    public void AskForce(PendingAnswer pending, string key) =>
        requests.Ask(pending, static (line, number, key) => Start(line, "force"u8, number, key).Raw("}\n"u8), key);

    /// <inheritdoc/>
    public void AskList(PendingAnswer pending, string prefix) => requests.Ask(
        pending,
        static (line, number, prefix) => line.Raw("{\"type\":\"lk-list\",\"n\":"u8).Integer(number).Raw(",\"prefix\":"u8).Text(prefix)
            .Raw("}\n"u8),
        prefix);

    /// <inheritdoc/>
    public void AskStatus(PendingAnswer pending) => requests.Ask(
        pending, static (line, number, _) => line.Raw("{\"type\":\"lk-status\",\"n\":"u8).Integer(number).Raw("}\n"u8), 0);

    /// <inheritdoc/>
    public void TellWithdraw(PendingAnswer pending) => requests.Tell(
        static (line, number, request) =>
            Start(line, "withdraw"u8, number, request.Key).Raw(",\"id\":"u8).Text(request.HolderId).Raw("}\n"u8),
        pending.Number,
        pending.Acquire!);

    /// <inheritdoc/>
    public void TellStay() => requests.Tell(static (line, _, _) => line.Raw("{\"type\":\"lk-stay\"}\n"u8), 0, 0);

    /// <inheritdoc/>
    public void Forget(PendingAnswer pending) => requests.Take(pending.Number);

    /// <inheritdoc/>
    public void Watch(TimeSpan quietFor)
    {
        if (quietFor >= ClientContext.QuietTime && !requests.IsEmpty)
        {
            requests.Ask(
                new PendingAnswer(context.NextNumber(), null, waits: false),
                static (line, number, _) => line.Raw("{\"type\":\"lk-ping\",\"n\":"u8).Integer(number).Raw("}\n"u8),
                0);
        }
    }

    /// <inheritdoc/>
    public void OnEnded()
    {
        // What it kept was the requests.
    }

    private static void ComposeAcquire(LineWriter line, long number, PendingAnswer one)
    {
        AcquireRequest request = one.Acquire!;
        Start(line, "acquire"u8, number, request.Key).Raw(",\"id\":"u8).Text(request.HolderId).Raw(",\"owner\":"u8).Text(request.Owner)
            .Raw(",\"ttl\":"u8).Milliseconds(request.Ttl);
        if (one.Waits)
            line.Raw(",\"queue\":true"u8);
        if (request.KeepOnDisconnect)
            line.Raw(",\"keep\":true"u8);
        line.Raw("}\n"u8);
    }

    private static void ComposeReclaim(LineWriter line, long number, HeldLease lease, TimeSpan remaining)
    {
        AcquireRequest request = lease.Request;
        Start(line, "reclaim"u8, number, request.Key).Raw(",\"id\":"u8).Text(request.HolderId).Raw(",\"owner\":"u8).Text(request.Owner)
            .Raw(",\"ttl\":"u8).Milliseconds(remaining).Raw(",\"token\":"u8).Integer(lease.Token ?? 0);
        if (request.KeepOnDisconnect)
            line.Raw(",\"keep\":true"u8);
        line.Raw("}\n"u8);
    }

    private static LineWriter Start(LineWriter line, ReadOnlySpan<byte> type, long number, string key) =>
        line.Raw("{\"type\":\"lk-"u8).Raw(type).Raw("\",\"n\":"u8).Integer(number).Raw(",\"key\":"u8).Text(key);

    private void OnAnswer(PendingAnswer pending, BrokerAnswer answer)
    {
        if (answer.Kind == AnswerKind.Granted && pending.Acquire is { } request)
        {
            // On the reading loop: a loss of the same lease can only be read after this.
            long begun = pending.SentAt + context.Units.Of(answer.Queued);
            context.Leases.Add(request, answer.Token, begun, connection);
        }

        if (pending.TryDecide(answer))
            answered.Add(pending);
    }

    private void OnLost(in WireMessage message)
    {
        if (message.Key.GetText() is { } key && message.Id.GetText() is { } id && context.Leases.Remove(id))
            context.OnLost(new StoreLoss(key, id, OwnAnswers.ReasonOf(in message)));
    }
}
