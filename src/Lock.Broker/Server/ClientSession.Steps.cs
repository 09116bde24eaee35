namespace Locking;

/// <summary>The steps of our own messages.</summary>
internal sealed partial class ClientSession
{
    private void Acquire(long number, string key, string id, in WireMessage message)
    {
        if (!TryGetTtl(in message, out var ttl))
        {
            SendRefused(number, "ttl must be a whole number of milliseconds of at least 1, or null");
            return;
        }

        if (!HasRoomForClaim())
        {
            SendRefused(number, "this connection has as many locks and waiters as the broker allows");
            return;
        }

        if (_server.IsFull(key))
        {
            SendRefused(number, "the broker has as many keys as it allows");
            return;
        }

        var claim = new BrokerClaim(_server, key, id, OwnerOf(in message), ttl) { Keep = message.Keep.IsTrue };
        var queue = message.Queue.IsTrue;
        var result = _server.Acquire(claim, new AcquireTerms { Queue = queue }, this, number, out var notices);
        switch (result.Status)
        {
            case AcquireStatus.Granted or AcquireStatus.AlreadyHeld:
                SendGranted(number, result.Claim.FencingToken, TimeSpan.Zero);
                break;
            case AcquireStatus.Busy when queue:
                SendRefused(number, "the queue of this key, or the broker, is full");
                break;
            case AcquireStatus.Busy:
                SendBusy("busy"u8, number, result.HolderRemaining);
                break;
            default:
                SendLater(Busy("queued"u8, number, result.HolderRemaining));
                ((BrokerClaim)result.Claim).Answered();
                break;
        }

        notices.Deliver();
    }

    private void Reclaim(long number, string key, string id, in WireMessage message)
    {
        if (!TryGetTtl(in message, out var ttl) || !message.Token.TryGetInteger(out var token))
        {
            SendRefused(number, "a reclaim needs ttl and token");
            return;
        }

        var claim = new BrokerClaim(_server, key, id, OwnerOf(in message), ttl) { Keep = message.Keep.IsTrue };
        switch (_server.Reclaim(claim, token, this, number))
        {
            case StoreReply.Done:
                SendResult(number, "done"u8);
                break;
            case StoreReply.HeldByAnother:
                SendResult(number, "other"u8);
                break;
            default:
                SendResult(number, "none"u8);
                break;
        }
    }

    private void Release(long number, string key, string id)
    {
        var reply = _server.Release(key, id, out _, out var notices);
        if (reply == StoreReply.NotHeld && !_server.Pause.IsKnownFree(key, id))
            SendUnknown(number);
        else
            SendReply(number, reply);
        notices.Deliver();
    }

    private void Extend(long number, string key, string id, in WireMessage message)
    {
        if (!TryGetTtl(in message, out var ttl))
        {
            SendRefused(number, "ttl must be a whole number of milliseconds of at least 1, or null");
            return;
        }

        var reply = _server.Extend(key, id, ttl);
        if (reply == StoreReply.NotHeld && !_server.Pause.IsKnownFree(key, id))
            SendUnknown(number);
        else
            SendReply(number, reply);
    }

    /// <summary>Answers the acquire of that number: busy when the place was given up. A grant that was faster stays, and has been told.</summary>
    private void Withdraw(long number, string key, string id)
    {
        if (_server.TryWithdraw(key, id, this, number))
            SendBusy("busy"u8, number, null);
        else
            SendResult(number, "kept"u8);
    }

    private void Force(long number, string key)
    {
        var count = _server.Force(key, out var notices);
        if (count == 0 && _server.Pause.IsOn)
            SendUnknown(number);
        else
            SendResult(number, count > 0 ? "done"u8 : "none"u8);
        notices.Deliver();
    }
}
