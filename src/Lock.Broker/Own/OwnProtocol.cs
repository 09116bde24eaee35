namespace Locking;

/// <summary>Our own messages, on the lines of the published protocol. Steps and fields: docs/broker-protocol.md.</summary>
/// <param name="locks">What is asked for.</param>
/// <param name="weaknesses">What is weak about the way the broker runs: words of <see cref="StatusWords"/>.</param>
internal sealed class OwnProtocol(BrokerLocks locks, Func<string> weaknesses) : IProtocol
{
    private readonly OwnSteps _steps = new(locks);
    private readonly OwnQuestions _questions = new(locks, weaknesses);

    /// <inheritdoc/>
    public bool TryHandle(ClientSession session, WireLine kind, in WireMessage message)
    {
        if (kind != WireLine.Message || !IsOwn(in message))
            return false;
        if (message.Type.TextEquals("lk-hello"u8))
            Hello(session, in message);
        else if (message.Type.TextEquals("lk-stay"u8))
            session.Stays = true;
        else if (message.Type.TextEquals("lk-auth"u8))
            Authenticate(session, in message);
        else if (!session.Access.IsOpen)
            session.Refuse(OwnLines.Denied("this broker asks for a secret: set connection.secret"));
        else if (!message.Number.TryGetInteger(out long number))
            session.Send(OwnLines.Refused(-1, "a request needs a number n"));
        else if (!_questions.TryHandle(session, number, in message))
            HandleStep(session, number, in message);
        return true;
    }

    /// <inheritdoc/>
    public bool TryRestore(RecordedLease lease, TimeSpan remaining, out BrokerClaim? claim)
    {
        claim = null;
        if (lease.ForeignKey is not null)
            return false;
        var restored = new OwnClaim(locks.Records, lease.Key, lease.Id, lease.Owner, remaining) { Keep = lease.Keep };
        if (locks.Restore(restored, lease))
            claim = restored;
        return true;
    }

    /// <inheritdoc/>
    public void OnEnded(ClientSession session, ConnectionEnd end)
    {
        // What it had was its claims.
    }

    /// <inheritdoc/>
    public void KeepHouse(long now)
    {
        // Nothing is left behind.
    }

    private static bool IsOwn(in WireMessage message) => message.Type.IsEscaped
        ? message.Type.GetText()!.StartsWith("lk-", StringComparison.Ordinal)
        : message.Type.Raw.Length >= 5 && message.Type.Raw[1..].StartsWith("lk-"u8);

    private static void Hello(ClientSession session, in WireMessage message) => session.Send(
        session.Access.Challenge(message.Nonce.GetText() ?? "") is { } nonce ? OwnLines.Challenge(nonce) : OwnLines.Welcome(null));

    private static void Authenticate(ClientSession session, in WireMessage message)
    {
        if (session.Access.IsOpen)
            return;
        if (session.Access.TryProve(message.Mac.GetText(), out string? proof))
            session.Send(OwnLines.Welcome(proof));
        else
            session.Refuse(OwnLines.Denied("wrong secret"));
    }

    private void HandleStep(ClientSession session, long number, in WireMessage message)
    {
        if (message.Key.GetText() is not { Length: > 0 } key)
            session.Send(OwnLines.Refused(number, "a request needs a key"));
        else if (message.Id.GetText() is not { Length: > 0 and <= 256 } id)
            session.Send(OwnLines.Refused(number, "a request needs an id of 1 to 256 characters"));
        else if (message.Type.TextEquals("lk-acquire"u8))
            _steps.Acquire(session, number, key, id, in message);
        else if (message.Type.TextEquals("lk-release"u8))
            _steps.Release(session, number, key, id);
        else if (message.Type.TextEquals("lk-extend"u8))
            _steps.Extend(session, number, key, id, in message);
        else if (message.Type.TextEquals("lk-withdraw"u8))
            _steps.Withdraw(session, number, key, id);
        else if (message.Type.TextEquals("lk-reclaim"u8))
            _steps.Reclaim(session, number, key, id, in message);
        else
            session.Send(OwnLines.Refused(number, "unknown message"));
    }
}
