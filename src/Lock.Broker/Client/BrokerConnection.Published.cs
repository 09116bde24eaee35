namespace Locking;

/// <summary>The published protocol, spoken to a published broker. What that broker lacks is refused, never faked.</summary>
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
internal sealed partial class BrokerConnection
{
    private static readonly TimeSpan _shortestRepeat = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _longestRepeat = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, PendingAnswer> _publishedLocks = [];

    private void OnPublished(in WireMessage message)
    {
        if (message.Uuid.GetText() is not { } uuid)
            return; // addressed to nobody
        if (message.Type.TextEquals("lock"u8))
            OnPublishedLock(uuid, in message);
        else if (uuid.StartsWith(AnswerPrefix, StringComparison.Ordinal) && long.TryParse(uuid.AsSpan(AnswerPrefix.Length), out var number))
            OnPublishedUnlock(number, in message);
    }

    private const string AnswerPrefix = "lk-";

    private void OnPublishedLock(string uuid, in WireMessage message)
    {
        PendingAnswer? pending;
        var granted = message.Acquired.IsTrue;
        var again = message.Reelection.IsTrue;
        lock (_gate)
        {
            _publishedLocks.TryGetValue(uuid, out pending);
            if (pending is not null && !granted && !again && message.Error.IsMissing)
            {
                pending.IsQueued = true;
                pending.Acquire?.Progress?.OnQueued();
                if (pending.Sends.TryDequeue(out var sentAt))
                    pending.NotGrantedBefore = sentAt;
            }

            if (pending is not null && (granted || !message.Error.IsMissing))
            {
                _publishedLocks.Remove(uuid);
                _pending.Remove(pending.Number);
            }

            if (pending is not null && again)
                SendPublishedLock(pending, Time.GetTimestamp());
        }

        Output.Flush();
        if (granted)
            OnPublishedGrant(pending, uuid, in message);
        else if (pending is not null && !message.Error.IsMissing)
            pending.TrySetResult(new BrokerAnswer(AnswerKind.Refused) { Error = message.Error.GetText() });
        else if (pending is { Waits: false } && !again)
            GiveUpPublished(pending);
    }

    private void OnPublishedGrant(PendingAnswer? pending, string uuid, in WireMessage message)
    {
        var key = message.Key.GetText() ?? "";
        TellPublished("lock-received", uuid, key);
        if (pending?.Acquire is not { } request)
        {
            // Nobody waits for it any more. While its own lock lives, this is the second grant of a request that crossed the first one.
            if (!_client.Leases.Has(uuid))
                TellPublishedUnlock(uuid, key);
            return;
        }

        var begun = Math.Max(pending.NotGrantedBefore, pending.SentAt);
        long? token = message.FencingToken.TryGetInteger(out var number) ? number : null;
        _client.Leases.Add(request, token, begun, this);
        pending.TrySetResult(new BrokerAnswer(AnswerKind.Granted) { Token = token, Queued = Time.GetElapsedTime(pending.SentAt, begun) });
    }

    private void OnPublishedUnlock(long number, in WireMessage message)
    {
        PendingAnswer? pending;
        lock (_gate)
        {
            if (!_pending.Remove(number, out pending))
                return;
        }

        // The wrong-id error does not tell whether somebody else holds the lock or nobody does; a warning says that nobody does.
        pending.TrySetResult(new BrokerAnswer(message.Unlocked.IsTrue && message.Warning.IsMissing ? AnswerKind.Done : AnswerKind.None));
    }

    private void AskPublishedLock(PendingAnswer pending)
    {
        if (pending.Acquire!.KeepOnDisconnect)
        {
            pending.TrySetResult(new BrokerAnswer(AnswerKind.Refused)
            {
                Error = "a published live-mutex broker gives up what a connection holds when it ends; keepOnDisconnect cannot be had there",
            });
            return;
        }

        lock (_gate)
        {
            if (!_ended)
            {
                _publishedLocks[pending.Acquire.HolderId] = pending;
                _pending[pending.Number] = pending;
                pending.IsQueued = false;
                pending.Sends.Clear();
                pending.Repeats = 0;
                pending.SentAt = Time.GetTimestamp();
                SendPublishedLock(pending, pending.SentAt);
                WatchUnsynchronized();
                pending = null!;
            }
        }

        Output.Flush();
        if (pending is { Waits: false })
            pending.TrySetResult(default);
    }

    private void SendPublishedLock(PendingAnswer pending, long now)
    {
        var request = pending.Acquire!;
        pending.Sends.Enqueue(now);
        pending.LastSend = now;
        Send(_writer.Clear().Raw("{\"type\":\"lock\",\"uuid\":"u8).Text(request.HolderId).Raw(",\"key\":"u8).Text(request.Key)
            .Raw(",\"ttl\":"u8).Milliseconds(request.Ttl).Raw(",\"retryCount\":"u8).Integer(pending.Repeats++)
            .Raw(",\"rwStatus\":null,\"max\":null,\"keepLocksAfterDeath\":false,\"pid\":"u8).Integer(Environment.ProcessId).Raw("}\n"u8));
    }

    private void AskPublishedAgainUnsynchronized(long now)
    {
        foreach (var pending in _publishedLocks.Values)
        {
            var ttl = pending.Acquire!.Ttl;
            var pause = ttl == Timeout.InfiniteTimeSpan || ttl / 4 > _longestRepeat ? _longestRepeat : ttl / 4;
            if (pending.IsQueued && pending.Sends.Count == 0 && Time.GetElapsedTime(pending.LastSend, now) >= pause)
                SendPublishedLock(pending, now);
        }
    }

    private void AskPublishedUnlock(PendingAnswer pending, string key, string? holderId)
    {
        // A late unlock makes that broker grant the lock to a second holder: what may have run out is left to its end.
        if (holderId is not null && !pending.MayUnlock)
        {
            TellPublished("lock-client-timeout", holderId, key);
            pending.TrySetResult(new BrokerAnswer(AnswerKind.None));
            return;
        }

        if (holderId is not null)
            TellPublished("lock-client-timeout", holderId, key);
        Ask(pending, static (line, number, s) => ComposePublishedUnlock(line, number, s.key, s.holderId), (key, holderId));
    }

    /// <summary>Leaves the queue; a grant that comes all the same is given back when it arrives.</summary>
    private void GiveUpPublished(PendingAnswer pending)
    {
        var request = pending.Acquire!;
        lock (_gate)
        {
            _pending.Remove(pending.Number);
            _publishedLocks.Remove(request.HolderId);
        }

        TellPublished("lock-client-timeout", request.HolderId, request.Key);
        pending.TrySetResult(new BrokerAnswer(AnswerKind.Busy));
    }

    private void TellPublished(string type, string uuid, string key) => Tell(
        static (line, _, s) => line.Raw("{\"type\":"u8).Text(s.type).Raw(",\"uuid\":"u8).Text(s.uuid).Raw(",\"key\":"u8).Text(s.key).Raw("}\n"u8),
        0,
        (type, uuid, key));

    private void TellPublishedUnlock(string uuid, string key) =>
        Tell(static (line, number, s) => ComposePublishedUnlock(line, number, s.key, s.uuid), _client.NextNumber(), (key, uuid));

    private static void ComposePublishedUnlock(LineWriter line, long number, string key, string? holderId)
    {
        line.Raw("{\"type\":\"unlock\",\"uuid\":\"lk-"u8).Integer(number).Raw("\",\"key\":"u8).Text(key);
        if (holderId is not null)
            line.Raw(",\"_uuid\":"u8).Text(holderId);
        line.Raw(",\"force\":"u8).Boolean(holderId is null).Raw(",\"rwStatus\":null}\n"u8);
    }
}
