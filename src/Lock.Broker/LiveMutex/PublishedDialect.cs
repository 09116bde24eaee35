namespace Locking;

/// <summary>How a client speaks to a published broker. What that broker lacks is refused, never faked.</summary>
/// <remarks>
/// <para>
/// Its grants do not say when they were made. A request that waits is therefore repeated, which keeps its place: the answer "not yet" to a
/// request that was sent at some time proves that the grant came later, and the lease is counted from there.
/// </para>
/// <para>
/// A repeated request that crosses the grant stands in the queue again, behind its own lock, and is granted once more later. Such a grant
/// that nobody waits for is given back at once by its id; refusing it in the protocol's own way would stall the key.
/// </para>
/// </remarks>
internal sealed class PublishedDialect(ClientContext context, OpenRequests requests, RequestSender sender, long connection) : IBrokerDialect
{
    private const string AnswerPrefix = "lk-";

    private static readonly TimeSpan s_shortestRepeat = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestRepeat = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, PendingAnswer> _locks = [];

    /// <inheritdoc/>
    public TimeSpan WatchPeriod => s_shortestRepeat;

    /// <inheritdoc/>
    public void OnMessage(in WireMessage message)
    {
        if (message.Uuid.GetText() is not { } uuid)
            return; // addressed to nobody
        if (message.Type.TextEquals("lock"u8))
            OnLock(uuid, in message);
        else if (uuid.StartsWith(AnswerPrefix, StringComparison.Ordinal)
            && long.TryParse(uuid.AsSpan(AnswerPrefix.Length), out long number))
            OnUnlock(number, in message);
    }

    /// <inheritdoc/>
    public void AskAcquire(PendingAnswer pending)
    {
        if (pending.Acquire!.KeepOnDisconnect)
        {
            Refuse(
                pending, "a published live-mutex broker gives up what a connection holds when it ends; "
                + "keepOnDisconnect cannot be had there");
            return;
        }

        bool isAsked;
        lock (_gate)
        {
            pending.Sends.Clear();
            pending.Repeats = 0;
            _locks[pending.Acquire.HolderId] = pending;
            isAsked = requests.TryAdd(pending, static (line, _, one) => ComposeLock(line, one, one.SentAt), pending);
            if (!isAsked)
                _locks.Remove(pending.Acquire.HolderId);
        }

        sender.Flush();
        if (!isAsked && !pending.Waits)
            pending.TrySetResult(default);
    }

    /// <inheritdoc/>
    public void AskExtend(PendingAnswer pending, string key, string holderId, TimeSpan ttl) => RefuseUnknown(pending, "lengthen a lease");

    /// <inheritdoc/>
    public void AskRelease(PendingAnswer pending, string key, string holderId, HeldLease? lease)
    {
        TellOf("lock-client-timeout", holderId, key);

        // A late unlock makes that broker grant the lock to a second holder: what may have run out is left to its end.
        if (pending.MayUnlock)
            AskUnlock(pending, key, holderId);
        else
            pending.TrySetResult(new BrokerAnswer(AnswerKind.None));
    }

    /// <inheritdoc/>
    public void AskReclaim(PendingAnswer pending, HeldLease lease, TimeSpan remaining) =>
        RefuseUnknown(pending, "give a lease back to its holder");

    /// <inheritdoc/>
    public void AskGet(PendingAnswer pending, string key) => RefuseUnknown(pending, "tell who holds a lock");

    /// <inheritdoc/>
    public void AskForce(PendingAnswer pending, string key) => AskUnlock(pending, key, null);

    /// <inheritdoc/>
    public void AskList(PendingAnswer pending, string prefix) => RefuseUnknown(pending, "list locks");

    /// <inheritdoc/>
    public void AskStatus(PendingAnswer pending) => RefuseUnknown(pending, "tell how it is");

    /// <summary>Leaves the queue; a grant that comes all the same is given back when it arrives.</summary>
    public void TellWithdraw(PendingAnswer pending)
    {
        AcquireRequest request = pending.Acquire!;
        lock (_gate)
        {
            requests.Take(pending.Number);
            _locks.Remove(request.HolderId);
        }

        TellOf("lock-client-timeout", request.HolderId, request.Key);
        pending.TrySetResult(new BrokerAnswer(AnswerKind.Busy));
    }

    /// <inheritdoc/>
    public void TellStay()
    {
        // It gives up what a connection held when that ends.
    }

    /// <inheritdoc/>
    public void Forget(PendingAnswer pending)
    {
        lock (_gate)
        {
            requests.Take(pending.Number);
            if (pending.Acquire is { } request && _locks.GetValueOrDefault(request.HolderId) == pending)
                _locks.Remove(request.HolderId);
        }
    }

    /// <summary>Asks again for what waits.</summary>
    public void Watch(TimeSpan quietFor)
    {
        lock (_gate)
        {
            long now = context.Time.GetTimestamp();
            foreach (PendingAnswer pending in _locks.Values)
            {
                TimeSpan ttl = pending.Acquire!.Ttl;
                TimeSpan pause = ttl == Timeout.InfiniteTimeSpan || ttl / 4 > s_longestRepeat ? s_longestRepeat : ttl / 4;
                if (pending.IsQueued && pending.Sends.Count == 0 && context.Time.GetElapsedTime(pending.LastSend, now) >= pause)
                    SendAgainUnsynchronized(pending, now);
            }
        }
    }

    /// <inheritdoc/>
    public void OnEnded()
    {
        lock (_gate)
            _locks.Clear();
    }

    private static void Refuse(PendingAnswer pending, string why) =>
        pending.TrySetResult(new BrokerAnswer(AnswerKind.Refused) { Error = why });

    private static void RefuseUnknown(PendingAnswer pending, string what) =>
        Refuse(pending, $"a published live-mutex broker cannot {what}");

    private static void ComposeLock(LineWriter line, PendingAnswer pending, long now)
    {
        AcquireRequest request = pending.Acquire!;
        pending.Sends.Enqueue(now);
        pending.LastSend = now;
        line.Raw("{\"type\":\"lock\",\"uuid\":"u8).Text(request.HolderId).Raw(",\"key\":"u8).Text(request.Key)
            .Raw(",\"ttl\":"u8).Milliseconds(request.Ttl).Raw(",\"retryCount\":"u8).Integer(pending.Repeats++)
            .Raw(",\"rwStatus\":null,\"max\":null,\"keepLocksAfterDeath\":false,\"pid\":"u8).Integer(Environment.ProcessId).Raw("}\n"u8);
    }

    private static void ComposeUnlock(LineWriter line, long number, string key, string? holderId)
    {
        line.Raw("{\"type\":\"unlock\",\"uuid\":\"lk-"u8).Integer(number).Raw("\",\"key\":"u8).Text(key);
        if (holderId is not null)
            line.Raw(",\"_uuid\":"u8).Text(holderId);
        line.Raw(",\"force\":"u8).Boolean(holderId is null).Raw(",\"rwStatus\":null}\n"u8);
    }

    private void OnLock(string uuid, in WireMessage message)
    {
        PendingAnswer? pending;
        bool granted = message.Acquired.IsTrue;
        bool again = message.Reelection.IsTrue;
        bool isOver = granted || !message.Error.IsMissing;
        lock (_gate)
        {
            if (_locks.TryGetValue(uuid, out pending))
            {
                if (!isOver && !again)
                    OnQueuedUnsynchronized(pending);
                if (isOver)
                {
                    _locks.Remove(uuid);
                    requests.Take(pending.Number);
                }

                if (again)
                    SendAgainUnsynchronized(pending, context.Time.GetTimestamp());
            }
        }

        sender.Flush();
        if (granted)
            OnGrant(pending, uuid, in message);
        else if (pending is not null && !message.Error.IsMissing)
            Refuse(pending, message.Error.GetText()!);
        else if (pending is { Waits: false } && !again)
            TellWithdraw(pending);
    }

    private static void OnQueuedUnsynchronized(PendingAnswer pending)
    {
        pending.IsQueued = true;
        pending.Acquire?.Progress?.OnQueued();
        if (pending.Sends.TryDequeue(out long sentAt))
            pending.NotGrantedBefore = sentAt;
    }

    private void OnGrant(PendingAnswer? pending, string uuid, in WireMessage message)
    {
        string key = message.Key.GetText() ?? "";
        TellOf("lock-received", uuid, key);
        if (pending?.Acquire is not { } request)
        {
            // Nobody waits for it any more. While its own lock lives, this is the second grant of a request that crossed the first one.
            if (!context.Leases.Has(uuid))
                requests.Tell(static (line, number, s) => ComposeUnlock(line, number, s.key, s.uuid), context.NextNumber(), (key, uuid));
            return;
        }

        long begun = Math.Max(pending.NotGrantedBefore, pending.SentAt);
        long? token = message.FencingToken.TryGetInteger(out long number) ? number : null;
        context.Leases.Add(request, token, begun, connection);
        TimeSpan queued = context.Time.GetElapsedTime(pending.SentAt, begun);
        pending.TrySetResult(new BrokerAnswer(AnswerKind.Granted) { Token = token, Queued = queued });
    }

    private void OnUnlock(long number, in WireMessage message)
    {
        // The wrong-id error does not tell whether somebody else holds the lock or nobody does; a warning says that nobody does.
        requests.Take(number)?.TrySetResult(
            new BrokerAnswer(message.Unlocked.IsTrue && message.Warning.IsMissing ? AnswerKind.Done : AnswerKind.None));
    }

    private void SendAgainUnsynchronized(PendingAnswer pending, long now) =>
        requests.Add(static (line, _, s) => ComposeLock(line, s.pending, s.now), 0, (pending, now));

    private void AskUnlock(PendingAnswer pending, string key, string? holderId) =>
        requests.Ask(pending, static (line, number, s) => ComposeUnlock(line, number, s.key, s.holderId), (key, holderId));

    private void TellOf(string type, string uuid, string key) => requests.Tell(
        static (line, _, s) => line.Raw("{\"type\":"u8).Text(s.type).Raw(",\"uuid\":"u8).Text(s.uuid).Raw(",\"key\":"u8).Text(s.key)
            .Raw("}\n"u8),
        0,
        (type, uuid, key));
}
