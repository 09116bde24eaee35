namespace Locking;

/// <summary>The requests that a broker of ours understands.</summary>
internal sealed partial class BrokerConnection
{
    public void AskAcquire(PendingAnswer pending)
    {
        if (IsPublished)
            AskPublishedLock(pending);
        else
            Ask(pending, static (line, number, one) => ComposeAcquire(line, number, one), pending);
    }

    /// <summary>Gives a place in the queue up; the acquire itself is then answered.</summary>
    public void TellWithdraw(PendingAnswer pending)
    {
        if (IsPublished)
        {
            GiveUpPublished(pending);
            return;
        }

        Tell(
            static (line, number, request) =>
                Start(line, "withdraw"u8, number, request.Key).Raw(",\"id\":"u8).Text(request.HolderId).Raw("}\n"u8),
            pending.Number,
            pending.Acquire!);
    }

    private static void ComposeAcquire(LineWriter line, long number, PendingAnswer one)
    {
        var request = one.Acquire!;
        Start(line, "acquire"u8, number, request.Key).Raw(",\"id\":"u8).Text(request.HolderId).Raw(",\"owner\":"u8).Text(request.Owner)
            .Raw(",\"ttl\":"u8).Milliseconds(request.Ttl);
        if (one.Waits)
            line.Raw(",\"queue\":true"u8);
        if (request.KeepOnDisconnect)
            line.Raw(",\"keep\":true"u8);
        line.Raw("}\n"u8);
    }

    public void AskExtend(PendingAnswer pending, string key, string holderId, TimeSpan ttl) => AskOwn(
        pending,
        "lengthen a lease",
        static (line, number, s) => Start(line, "extend"u8, number, s.key).Raw(",\"id\":"u8).Text(s.holderId)
            .Raw(",\"ttl\":"u8).Milliseconds(s.ttl).Raw("}\n"u8),
        (key, holderId, ttl));

    /// <summary>Gives a lease back.</summary>
    /// <param name="pending">The request.</param>
    /// <param name="key">The key.</param>
    /// <param name="holderId">The holder.</param>
    /// <param name="lease">The lease, where this client holds it. The broker at this connection may have been started after the grant, and
    /// then it is shown the lease first, on the same connection, so that it answers what is true.</param>
    public void AskRelease(PendingAnswer pending, string key, string holderId, HeldLease? lease)
    {
        if (!IsPublished && lease is not null && lease.Connection != this && _client.Leases.RemainingOf(lease) is var left && left != TimeSpan.Zero)
            AskReclaim(new PendingAnswer(_client.NextNumber(), null, waits: false), lease, left);
        if (IsPublished)
        {
            AskPublishedUnlock(pending, key, holderId);
            return;
        }

        Ask(
            pending,
            static (line, number, s) => Start(line, "release"u8, number, s.key).Raw(",\"id\":"u8).Text(s.holderId).Raw("}\n"u8),
            (key, holderId));
    }

    public void AskReclaim(PendingAnswer pending, HeldLease lease, TimeSpan remaining) => Ask(
        pending,
        static (line, number, s) =>
        {
            var request = s.lease.Request;
            Start(line, "reclaim"u8, number, request.Key).Raw(",\"id\":"u8).Text(request.HolderId).Raw(",\"owner\":"u8).Text(request.Owner)
                .Raw(",\"ttl\":"u8).Milliseconds(s.remaining).Raw(",\"token\":"u8).Integer(s.lease.Token ?? 0);
            if (request.KeepOnDisconnect)
                line.Raw(",\"keep\":true"u8);
            line.Raw("}\n"u8);
        },
        (lease, remaining));

    public void AskGet(PendingAnswer pending, string key) =>
        AskOwn(pending, "tell who holds a lock", static (line, number, key) => Start(line, "get"u8, number, key).Raw("}\n"u8), key);

    public void AskForce(PendingAnswer pending, string key)
    {
        if (IsPublished)
            AskPublishedUnlock(pending, key, null);
        else
            Ask(pending, static (line, number, key) => Start(line, "force"u8, number, key).Raw("}\n"u8), key);
    }

    public void AskList(PendingAnswer pending, string prefix) => AskOwn(
        pending,
        "list locks",
        static (line, number, prefix) => line.Raw("{\"type\":\"lk-list\",\"n\":"u8).Integer(number).Raw(",\"prefix\":"u8).Text(prefix).Raw("}\n"u8),
        prefix);

    public void AskStatus(PendingAnswer pending) => AskOwn(
        pending,
        "tell how it is",
        static (line, number, _) => line.Raw("{\"type\":\"lk-status\",\"n\":"u8).Integer(number).Raw("}\n"u8),
        0);

    /// <summary>Asks what only a broker of ours knows.</summary>
    private void AskOwn<T>(PendingAnswer pending, string what, Action<LineWriter, long, T> compose, T state)
    {
        if (IsPublished)
            pending.TrySetResult(new BrokerAnswer(AnswerKind.Refused) { Error = $"a published live-mutex broker cannot {what}" });
        else
            Ask(pending, compose, state);
    }

    private static LineWriter Start(LineWriter line, ReadOnlySpan<byte> type, long number, string key) =>
        line.Raw("{\"type\":\"lk-"u8).Raw(type).Raw("\",\"n\":"u8).Integer(number).Raw(",\"key\":"u8).Text(key);
}
