namespace Locking;

/// <summary>Our own messages, on the lines of the published protocol. Steps and fields: docs/broker-protocol.md.</summary>
internal sealed partial class ClientSession
{
    private string? _nonce;
    private string? _clientNonce;

    /// <summary>The client gives this connection up, but not what it holds: it comes back on another one.</summary>
    private bool _stays;

    private bool HandleOwn(in WireMessage message)
    {
        if (message.Type.Raw.Length < 5 || !message.Type.Raw[1..].StartsWith("lk-"u8))
            return false;
        if (message.Type.TextEquals("lk-hello"u8))
            Hello(in message);
        else if (message.Type.TextEquals("lk-stay"u8))
            _stays = true;
        else if (message.Type.TextEquals("lk-auth"u8))
            Authenticate(in message);
        else if (_access != Access.Open)
            Refuse("this broker asks for a secret: set connection.secret");
        else if (message.Number.TryGetInteger(out var number))
            HandleRequest(number, in message);
        else
            SendRefused(-1, "a request needs a number n");
        return true;
    }

    /// <summary>Tells a request that its place in the queue was given up.</summary>
    public void TellWithdrawn(long number) => SendBusy("busy"u8, number, null);

    private void HandleRequest(long number, in WireMessage message)
    {
        if (message.Type.TextEquals("lk-ping"u8))
        {
            SendResult(number, "done"u8);
            return;
        }

        if (message.Type.TextEquals("lk-list"u8))
        {
            List(number, message.Prefix.GetText() ?? "");
            return;
        }

        if (message.Type.TextEquals("lk-status"u8))
        {
            SendStatus(number);
            return;
        }

        // Published clients can take the empty key, so that it must be possible to see and to break it.
        var key = message.Key.GetText();
        if (key is not null && message.Type.TextEquals("lk-get"u8))
        {
            Get(number, key);
            return;
        }

        if (key is not null && message.Type.TextEquals("lk-force"u8))
        {
            Force(number, key);
            return;
        }

        if (string.IsNullOrEmpty(key))
        {
            SendRefused(number, "a request needs a key");
            return;
        }

        if (message.Id.GetText() is not { Length: > 0 and <= 256 } id)
        {
            SendRefused(number, "a request needs an id of 1 to 256 characters");
            return;
        }

        if (message.Type.TextEquals("lk-acquire"u8))
            Acquire(number, key, id, in message);
        else if (message.Type.TextEquals("lk-release"u8))
            Release(number, key, id);
        else if (message.Type.TextEquals("lk-extend"u8))
            Extend(number, key, id, in message);
        else if (message.Type.TextEquals("lk-withdraw"u8))
            Withdraw(number, key, id);
        else if (message.Type.TextEquals("lk-reclaim"u8))
            Reclaim(number, key, id, in message);
        else
            SendRefused(number, "unknown message");
    }

    private void Hello(in WireMessage message)
    {
        if (_server.Options.Secret is null)
        {
            _access = Access.Open;
            SendWelcome(null);
            return;
        }

        _clientNonce = message.Nonce.GetText() ?? "";
        _nonce = SharedSecret.NewNonce();
        Send(NewLine.Raw("{\"type\":\"lk-challenge\",\"nonce\":"u8).Text(_nonce).Raw("}\n"u8));
    }

    private void Authenticate(in WireMessage message)
    {
        if (_access == Access.Open)
            return;
        var secret = _server.Options.Secret!;
        var expected = _nonce is null ? null : SharedSecret.ClientProof(secret, _clientNonce!, _nonce);
        if (expected is null || message.Mac.GetText() is not { } mac || !SharedSecret.AreSame(expected, mac))
        {
            Refuse("wrong secret");
            return;
        }

        _access = Access.Open;
        SendWelcome(SharedSecret.BrokerProof(secret, _clientNonce!, _nonce!));
    }

    private static string OwnerOf(in WireMessage message) =>
        message.Owner.GetText() is { Length: > 0 and <= 256 } owner ? owner : "";

    private static bool TryGetTtl(in WireMessage message, out TimeSpan ttl)
    {
        ttl = Timeout.InfiniteTimeSpan;
        if (message.Ttl.IsNull)
            return true;
        if (!message.Ttl.TryGetInteger(out var milliseconds) || milliseconds < 1)
            return false;
        ttl = TimeSpan.FromMilliseconds(Math.Min(milliseconds, BrokerServer.LongestTtl));
        return true;
    }

    private void SendWelcome(string? proof)
    {
        var line = NewLine.Raw("{\"type\":\"lk-welcome\",\"version\":"u8).Text(WireTypes.ProductVersion).Raw(",\"wire\":"u8).Integer(WireTypes.Wire);
        if (proof is not null)
            line.Raw(",\"mac\":"u8).Text(proof);
        Send(line.Raw("}\n"u8));
    }

    private void SendGranted(long number, long token, TimeSpan queuedFor) =>
        Send(NewLine.Raw("{\"type\":\"lk-granted\",\"n\":"u8).Integer(number).Raw(",\"token\":"u8).Integer(token).Raw(",\"queued\":"u8)
            .Integer((long)Math.Floor(queuedFor.TotalMicroseconds)).Raw("}\n"u8));

    /// <summary>Remaining: -1 without expiry, null when it is not known.</summary>
    private void SendBusy(ReadOnlySpan<byte> what, long number, TimeSpan? remaining) => Send(Busy(what, number, remaining));

    private static LineWriter Busy(ReadOnlySpan<byte> what, long number, TimeSpan? remaining)
    {
        var line = NewLine.Raw("{\"type\":\"lk-"u8).Raw(what).Raw("\",\"n\":"u8).Integer(number).Raw(",\"remaining\":"u8);
        if (remaining is not { } left)
            line.Raw("null"u8);
        else
            line.Integer(left == Timeout.InfiniteTimeSpan ? -1 : (long)Math.Ceiling(left.TotalMilliseconds));
        return line.Raw("}\n"u8);
    }

    private void SendReply(long number, StoreReply reply) => SendResult(number, reply switch
    {
        StoreReply.Done => "done"u8,
        StoreReply.HeldByAnother => "other"u8,
        _ => "none"u8,
    });

    private void SendResult(long number, ReadOnlySpan<byte> result) =>
        Send(NewLine.Raw("{\"type\":\"lk-"u8).Raw(result).Raw("\",\"n\":"u8).Integer(number).Raw("}\n"u8));

    /// <summary>A holder of the broker before may still come back: neither yes nor no would be true.</summary>
    private void SendUnknown(long number) => SendBusy("unknown"u8, number, _server.Pause.Left);

    private void SendRefused(long number, string why) =>
        Send(NewLine.Raw("{\"type\":\"lk-refused\",\"n\":"u8).Integer(number).Raw(",\"error\":"u8).Text(why).Raw("}\n"u8));

    /// <summary>The client may not come in. Told once; what it sends after that is ignored, and it is cut after a while.</summary>
    private void Refuse(string why)
    {
        if (_access == Access.Refused)
            return;
        _access = Access.Refused;
        Send(NewLine.Raw("{\"type\":\"lk-denied\",\"error\":"u8).Text(why).Raw("}\n"u8));
        _server.CutLater(this);
    }
}
