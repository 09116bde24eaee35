namespace Locking;

/// <summary>The steps of our own messages.</summary>
internal sealed class OwnSteps(BrokerLocks locks)
{
    private const string BadTtl = "ttl must be a whole number of milliseconds of at least 1, or null";

    public void Acquire(ClientSession session, long number, string key, string id, in WireMessage message)
    {
        if (!TryGetTtl(in message, out TimeSpan ttl))
        {
            session.Send(OwnLines.Refused(number, BadTtl));
            return;
        }

        if (!session.HasRoomForClaims(1))
        {
            session.Send(OwnLines.Refused(number, "this connection has as many locks and waiters as the broker allows"));
            return;
        }

        if (locks.IsFull(key))
        {
            session.Send(OwnLines.Refused(number, "the broker has as many keys as it allows"));
            return;
        }

        bool queue = message.Queue.IsTrue;
        OwnClaim claim = NewClaim(key, id, ttl, in message);
        AcquireResult result = locks.Acquire(claim, new AcquireTerms { Queue = queue }, session, number, out ClaimNotices notices);
        Answer(session, number, queue, in result);
        notices.Deliver();
    }

    public void Reclaim(ClientSession session, long number, string key, string id, in WireMessage message)
    {
        if (TryGetTtl(in message, out TimeSpan ttl) && message.Token.TryGetInteger(out long token))
            session.Send(OwnLines.Reply(number, locks.Reclaim(NewClaim(key, id, ttl, in message), token, session, number)));
        else
            session.Send(OwnLines.Refused(number, "a reclaim needs ttl and token"));
    }

    public void Release(ClientSession session, long number, string key, string id)
    {
        Answer(session, number, key, id, locks.Release(key, id, out _, out ClaimNotices notices));
        notices.Deliver();
    }

    public void Extend(ClientSession session, long number, string key, string id, in WireMessage message)
    {
        if (TryGetTtl(in message, out TimeSpan ttl))
            Answer(session, number, key, id, locks.Extend(key, id, ttl));
        else
            session.Send(OwnLines.Refused(number, BadTtl));
    }

    /// <summary>Answers the acquire of that number: busy when the place was given up. A grant that was faster stays, and has been
    /// told.</summary>
    public void Withdraw(ClientSession session, long number, string key, string id) => session.Send(
        locks.TryWithdraw(key, id, session, number) ? OwnLines.Remaining("busy"u8, number, null) : OwnLines.Result(number, "kept"u8));

    private static bool TryGetTtl(in WireMessage message, out TimeSpan ttl)
    {
        ttl = Timeout.InfiniteTimeSpan;
        if (message.Ttl.IsNull)
            return true;
        if (!message.Ttl.TryGetInteger(out long milliseconds) || milliseconds < 1)
            return false;
        ttl = TimeSpan.FromMilliseconds(Math.Min(milliseconds, WireTypes.LongestTtl));
        return true;
    }

    private static void Answer(ClientSession session, long number, bool queue, in AcquireResult result)
    {
        switch (result.Status)
        {
            case AcquireStatus.Granted or AcquireStatus.AlreadyHeld:
                session.Send(OwnLines.Granted(number, result.Claim.FencingToken, TimeSpan.Zero));
                break;
            case AcquireStatus.Busy when queue:
                session.Send(OwnLines.Refused(number, "the queue of this key, or the broker, is full"));
                break;
            case AcquireStatus.Busy:
                session.Send(OwnLines.Remaining("busy"u8, number, result.HolderRemaining));
                break;
            default:
                session.SendLater(OwnLines.Remaining("queued"u8, number, result.HolderRemaining));
                ((BrokerClaim)result.Claim).Answered();
                break;
        }
    }

    /// <summary>While a holder of the broker before may still come back, neither yes nor no would be true.</summary>
    private void Answer(ClientSession session, long number, string key, string id, StoreReply reply)
    {
        if (reply == StoreReply.NotHeld && !locks.Pause.IsKnownFree(key, id))
            session.Send(OwnLines.Remaining("unknown"u8, number, locks.Pause.Left));
        else
            session.Send(OwnLines.Reply(number, reply));
    }

    private OwnClaim NewClaim(string key, string id, TimeSpan ttl, in WireMessage message)
    {
        string owner = message.Owner.GetText() is { Length: > 0 and <= 256 } text ? text : "";
        return new OwnClaim(locks.Records, key, id, owner, ttl) { Keep = message.Keep.IsTrue };
    }
}
