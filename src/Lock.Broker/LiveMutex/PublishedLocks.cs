namespace Locking;

/// <summary>One key at a time: <c>lock</c>, <c>unlock</c>, and what a client says about a grant.</summary>
internal sealed class PublishedLocks(PublishedState state, BrokerServerOptions options)
{
    private const string WrongId = "You need to pass the correct uuid, or use force.";
    private const string BadMax = "`max` must be a positive integer (>= 1) when provided; omit the field to keep the default.";

    private readonly BrokerLocks _locks = state.Locks;

    /// <summary>Handles such a message.</summary>
    /// <returns>False when it is another one.</returns>
    public bool TryHandle(ClientSession session, in WireMessage message)
    {
        if (message.Type.TextEquals("lock"u8))
            Lock(session, in message);
        else if (message.Type.TextEquals("unlock"u8))
            Unlock(session, in message);
        else if (message.Type.TextEquals("lock-received"u8))
            Acknowledge(in message);
        else if (message.Type.TextEquals("lock-received-rejected"u8) || message.Type.TextEquals("lock-client-timeout"u8)
            || message.Type.TextEquals("lock-client-error"u8))
            GiveUp(in message);
        else
            return false;
        return true;
    }

    /// <summary>The lease that a request asks for; what is no number is taken for none.</summary>
    public static TimeSpan TtlOf(in WireMessage message, TimeSpan byDefault)
    {
        if (message.Ttl.IsMissing)
            return byDefault;
        if (message.Ttl.IsNull)
            return Timeout.InfiniteTimeSpan;
        if (!message.Ttl.TryGetInteger(out long milliseconds) || milliseconds == 0)
            return byDefault;
        return TimeSpan.FromMilliseconds(Math.Clamp(milliseconds, 1, WireTypes.LongestTtl));
    }

    private static bool TryGetMax(in WireMessage message, out int max)
    {
        max = 0;
        if (message.Max.IsNull)
            return true;
        if (message.Max.IsString || !message.Max.TryGetInteger(out long value) || value < 1 || message.Max.Raw.IndexOf((byte)'.') >= 0)
            return false;
        max = (int)Math.Min(value, int.MaxValue);
        return true;
    }

    private void Lock(ClientSession session, in WireMessage message)
    {
        if (message.Key.GetText() is not { } key)
            session.Send(PublishedLines.UnknownType(in message));
        else if (!TryGetMax(in message, out int max))
            session.Send(LineWriter.Begin().Raw("{\"type\":\"lock\",\"uuid\":"u8).Raw(PublishedLines.RawOrNull(message.Uuid))
                .Raw(",\"key\":"u8).Raw(message.Key.Raw)
                .Raw(",\"acquired\":false,\"lockRequestCount\":0,\"readersCount\":0,\"error\":"u8).Text(BadMax)
                .Raw("}\n"u8));
        else if (!session.HasRoomForClaims(1))
            session.Send(PublishedLines.Error(in message, "This connection has as many locks and waiters as the broker allows."));
        else if (_locks.IsFull(key))
            session.Send(PublishedLines.Error(in message, "The broker has as many keys as it allows."));
        else
            Lock(session, key, max, in message);
    }

    private void Lock(ClientSession session, string key, int max, in WireMessage message)
    {
        PublishedClaim claim = NewClaim(key, in message);
        bool repeated = message.RetryCount.TryGetInteger(out long count) && count > 0;
        var terms = new AcquireTerms
        {
            Queue = !message.Wait.IsFalse,
            Front = message.Force.IsTrue || (repeated && _locks.Table.Find(key, claim.Id) is null),
            Max = max,
        };
        AcquireResult result = _locks.Acquire(claim, terms, session, 0, out ClaimNotices notices);
        if (result.Status == AcquireStatus.Busy && terms.Queue)
            session.Send(PublishedLines.Error(in message, "The queue of this key, or the broker, is full."));
        else
            Answer(session, in result, claim, terms.Queue, in message);
        notices.Deliver();
    }

    private PublishedClaim NewClaim(string key, in WireMessage message)
    {
        string? id = message.Uuid.GetText();
        string owner = message.Pid.TryGetInteger(out long pid) ? $"pid {pid}" : "";
        TimeSpan ttl = TtlOf(in message, options.DefaultTtl);
        return new PublishedClaim(state, key, message.Key.Raw.ToArray(), id ?? Guid.NewGuid().ToString(), owner, ttl)
        {
            Keep = message.KeepLocksAfterDeath.IsTrue,
            HasId = id is not null,
            ForeignId = id is null || message.Uuid is { IsString: true, IsEscaped: false } ? null : message.Uuid.Raw.ToArray(),
        };
    }

    private void Answer(ClientSession session, in AcquireResult result, PublishedClaim asked, bool queue, in WireMessage message)
    {
        bool granted = result.Status is AcquireStatus.Granted or AcquireStatus.AlreadyHeld;
        int waitersBefore = Math.Max(0, result.Waiters - (result.Status == AcquireStatus.Queued ? 1 : 0));
        CountReader(session, asked.Key, in message);
        session.Send(asked.Reply(waitersBefore, granted, message.Uuid.Raw, result.Claim.FencingToken));
        if (!granted && queue)
            ((BrokerClaim)result.Claim).Answered();
    }

    private void CountReader(ClientSession session, string key, in WireMessage message)
    {
        if (message.RwStatus.TextEquals("begin_read"u8))
            state.Readers.Add(key, 1, session, options.Limits);
        else if (message.RwStatus.TextEquals("end_read"u8))
            state.Readers.Add(key, -1, session, options.Limits);
    }

    private void Unlock(ClientSession session, in WireMessage message)
    {
        string key = message.Key.GetText() ?? "";
        ClaimNotices notices = default;
        int waiters = 0;
        Unlocking error = Unlocking.Done;
        if (message.Force.IsTrue)
        {
            waiters = _locks.Table.Report(key).Waiters;
            if (_locks.Table.Force(key, out notices) == 0)
                error = Unlocking.Nobodys;
        }
        else if (message.LockId.GetText() is { } id)
        {
            error = Meaning(_locks.Release(key, id, out waiters, out notices), key, id);
        }
        else
        {
            error = _locks.Table.Report(key).HolderIds.Count > 0 ? Unlocking.Anothers : Unlocking.Nobodys;
        }

        if (!message.Uuid.IsMissing)
            session.Send(UnlockReply(key, waiters, error, in message));
        notices.Deliver();
    }

    /// <summary>What ended otherwise than by its client is unlocked once more without an error.</summary>
    private Unlocking Meaning(StoreReply reply, string key, string id)
    {
        if (reply == StoreReply.Done || state.EndedIds.Remove(key, id))
            return Unlocking.Done;
        return reply == StoreReply.HeldByAnother ? Unlocking.Anothers : Unlocking.Nobodys;
    }

    private static LineWriter UnlockReply(string key, int waiters, Unlocking outcome, in WireMessage message)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"uuid\":"u8).Raw(message.Uuid.Raw).Raw(",\"key\":"u8)
            .Raw(PublishedLines.RawOrNull(message.Key)).Raw(",\"lockRequestCount\":"u8).Integer(waiters)
            .Raw(",\"type\":\"unlock\",\"unlocked\":"u8).Boolean(outcome != Unlocking.Anothers);
        if (outcome == Unlocking.Anothers)
            line.Raw(",\"error\":"u8).Text(WrongId);
        else if (outcome == Unlocking.Nobodys)
            line.Raw(",\"warning\":"u8).Text($"no lock with key => \"{key}\".");
        return line.Raw("}\n"u8);
    }

    /// <summary>Stops the timer of that grant alone.</summary>
    private void Acknowledge(in WireMessage message)
    {
        if (FindClaim(in message) is PublishedClaim claim)
            claim.IsUnacknowledged = false;
    }

    /// <summary>Leaves the queue, and gives a grant back that was not acknowledged; a lock that was is not touched.</summary>
    private void GiveUp(in WireMessage message)
    {
        if (FindClaim(in message) is { } claim && (claim.State != ClaimState.Held || claim is PublishedClaim { IsUnacknowledged: true }))
            _locks.End(claim);
    }

    private BrokerClaim? FindClaim(in WireMessage message) =>
        message.Key.GetText() is { } key && message.Uuid.GetText() is { } id ? _locks.Find(key, id) : null;

    /// <summary>What an unlock came to.</summary>
    private enum Unlocking
    {
        /// <summary>It is unlocked.</summary>
        Done,

        /// <summary>Nobody holds it: a warning.</summary>
        Nobodys,

        /// <summary>Somebody else holds it: an error.</summary>
        Anothers,
    }
}
