using System.Text;

namespace Locking;

/// <summary>The messages of the published protocol, answered as its clients expect.</summary>
internal sealed partial class ClientSession
{
    private const string WrongId = "You need to pass the correct uuid, or use force.";
    private const string BadMax = "`max` must be a positive integer (>= 1) when provided; omit the field to keep the default.";

    private void HandlePublished(in WireMessage message)
    {
        if (!message.InspectCommand.IsMissing)
            Inspect(in message);
        else if (message.Type.TextEquals("version"u8))
            CheckVersion(in message);
        else if (message.Type.TextEquals("version-mismatch-confirmed"u8))
            return;
        else if (_access != Access.Open)
            SendError(in message, "This broker asks for a shared secret, which this client cannot give.");
        else if (message.Type.TextEquals("lock"u8))
            Lock(in message);
        else if (message.Type.TextEquals("unlock"u8))
            Unlock(in message);
        else if (message.Type.TextEquals("lock-received"u8))
            Acknowledge(in message);
        else if (message.Type.TextEquals("lock-received-rejected"u8) || message.Type.TextEquals("lock-client-timeout"u8)
            || message.Type.TextEquals("lock-client-error"u8))
            GiveUp(in message);
        else if (message.Type.TextEquals("acquire-many"u8))
            AcquireMany(in message);
        else if (message.Type.TextEquals("release-many"u8))
            ReleaseMany(in message);
        else if (!HandleQuestion(in message) && !HandleReaders(in message))
            SendUnknownType(message.Key, message.Uuid);
    }

    private void Lock(in WireMessage message)
    {
        if (message.Key.GetText() is not { } key)
        {
            SendUnknownType(message.Key, message.Uuid);
            return;
        }

        if (!TryGetMax(in message, out var max))
        {
            Send(NewLine.Raw("{\"type\":\"lock\",\"uuid\":"u8).Raw(RawOrNull(message.Uuid)).Raw(",\"key\":"u8).Raw(message.Key.Raw)
                .Raw(",\"acquired\":false,\"lockRequestCount\":0,\"readersCount\":0,\"error\":"u8).Text(BadMax).Raw("}\n"u8));
            return;
        }

        if (!HasRoomForClaim())
        {
            SendError(in message, "This connection has as many locks and waiters as the broker allows.");
            return;
        }

        if (_server.IsFull(key))
        {
            SendError(in message, "The broker has as many keys as it allows.");
            return;
        }

        var id = message.Uuid.GetText();
        var claim = new BrokerClaim(_server, key, id ?? Guid.NewGuid().ToString(), PidOf(in message), PublishedTtl(in message))
        {
            Keep = message.KeepLocksAfterDeath.IsTrue,
            ForeignKey = message.Key.Raw.ToArray(),
            HasForeignId = id is not null,
        };
        var repeated = message.RetryCount.TryGetInteger(out var count) && count > 0;
        var terms = new AcquireTerms
        {
            Queue = !message.Wait.IsFalse,
            Front = message.Force.IsTrue || (repeated && _server.Table.Find(key, claim.Id) is null),
            Max = max,
        };
        var result = _server.Acquire(claim, terms, this, 0, out var notices);
        var granted = result.Status is AcquireStatus.Granted or AcquireStatus.AlreadyHeld;
        var subject = (BrokerClaim)result.Claim;
        if (result.Status == AcquireStatus.Busy && terms.Queue)
        {
            SendError(in message, "The queue of this key, or the broker, is full.");
        }
        else
        {
            var waitersBefore = Math.Max(0, result.Waiters - (result.Status == AcquireStatus.Queued ? 1 : 0));
            CountReader(key, in message);
            SendLockReply(subject, waitersBefore, granted);
            if (!granted && terms.Queue)
                subject.Answered();
        }

        notices.Deliver();
    }

    private void CountReader(string key, in WireMessage message)
    {
        if (message.RwStatus.TextEquals("begin_read"u8))
            _server.Readers.Add(key, 1, _server.Options.Limits);
        else if (message.RwStatus.TextEquals("end_read"u8))
            _server.Readers.Add(key, -1, _server.Options.Limits);
    }

    private void TellForeignGrant(BrokerClaim claim)
    {
        claim.IsUnacknowledged = true;
        _server.ExpectAcknowledgement(claim);
        SendLockReply(claim, _server.Table.Report(claim.Key).Waiters, granted: true);
    }

    private void SendLockReply(BrokerClaim claim, int waiters, bool granted)
    {
        var line = NewLine.Raw("{\"readersCount\":"u8).Integer(_server.Readers.Of(claim.Key)).Raw(","u8);
        if (claim.HasForeignId)
            line.Raw("\"uuid\":"u8).Text(claim.Id).Raw(","u8);
        line.Raw("\"lockRequestCount\":"u8).Integer(waiters).Raw(",\"key\":"u8).Raw(claim.ForeignKey ?? "null"u8)
            .Raw(",\"type\":\"lock\",\"acquired\":"u8).Boolean(granted);
        if (granted)
            line.Raw(",\"fencingToken\":"u8).Integer(claim.FencingToken);
        Send(line.Raw("}\n"u8));
    }

    private void Unlock(in WireMessage message)
    {
        var key = message.Key.GetText() ?? "";
        var id = message.LockId.GetText();
        ClaimNotices notices = default;
        var waiters = 0;
        var unlocked = true;
        ReadOnlySpan<byte> extra = default;
        if (message.Force.IsTrue)
        {
            waiters = _server.Table.Report(key).Waiters;
            if (_server.Force(key, out notices) == 0)
                extra = ",\"warning\":"u8;
        }
        else
        {
            switch (id is null ? RefusedWithoutId(key) : _server.Release(key, id, out waiters, out notices))
            {
                case StoreReply.Done:
                    break;
                case StoreReply.HeldByAnother when id is null || !_server.EndedIds.Remove(key, id):
                    unlocked = false;
                    extra = ",\"error\":"u8;
                    break;
                case StoreReply.NotHeld when id is null || !_server.EndedIds.Remove(key, id):
                    extra = ",\"warning\":"u8;
                    break;
            }
        }

        if (!message.Uuid.IsMissing)
        {
            var line = NewLine.Raw("{\"uuid\":"u8).Raw(message.Uuid.Raw).Raw(",\"key\":"u8).Raw(RawOrNull(message.Key))
                .Raw(",\"lockRequestCount\":"u8).Integer(waiters).Raw(",\"type\":\"unlock\",\"unlocked\":"u8).Boolean(unlocked);
            if (!extra.IsEmpty)
                line.Raw(extra).Text(unlocked ? $"no lock with key => \"{key}\"." : WrongId);
            Send(line.Raw("}\n"u8));
        }

        notices.Deliver();
    }

    private StoreReply RefusedWithoutId(string key) =>
        _server.Table.Report(key).HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;

    /// <summary>Stops the timer of that grant alone.</summary>
    private void Acknowledge(in WireMessage message)
    {
        if (FindClaim(in message) is { } claim)
            claim.IsUnacknowledged = false;
    }

    /// <summary>Leaves the queue, and gives a grant back that was not acknowledged; a lock that was is not touched.</summary>
    private void GiveUp(in WireMessage message)
    {
        if (FindClaim(in message) is not { } claim)
            return;
        if (claim.State == ClaimState.Held && !claim.IsUnacknowledged)
            return;
        _server.End(claim);
    }

    private BrokerClaim? FindClaim(in WireMessage message) =>
        message.Key.GetText() is { } key && message.Uuid.GetText() is { } id ? _server.Find(key, id) : null;

    /// <summary>The rule of the original: the same first number, and the same first character of the second.</summary>
    private void CheckVersion(in WireMessage message)
    {
        var version = message.Value.IsString ? message.Value.GetText()! : "";
        var parts = version.Split('.');
        if (parts.Length > 1 && parts[0] == "0" && parts[1].StartsWith('2'))
            return;
        _access = Access.Refused;
        var shown = message.Value.IsMissing ? "null"u8 : message.Value.Raw;
        Send(NewLine.Raw("{\"type\":\"version-mismatch\",\"versions\":{\"clientVersion\":"u8).Raw(shown)
            .Raw(",\"brokerVersion\":"u8).Text(WireTypes.PublishedVersion).Raw("}}\n"u8));

        // Its client reconnects at once, for ever, when the connection ends: keep it for the whole time that the original allows.
        _server.CutLater(this);
    }

    private static bool TryGetMax(in WireMessage message, out int max)
    {
        max = 0;
        if (message.Max.IsNull)
            return true;
        if (message.Max.IsString || !message.Max.TryGetInteger(out var value) || value < 1 || message.Max.Raw.IndexOf((byte)'.') >= 0)
            return false;
        max = (int)Math.Min(value, int.MaxValue);
        return true;
    }

    private TimeSpan PublishedTtl(in WireMessage message)
    {
        if (message.Ttl.IsMissing || !(message.Ttl.IsNull || message.Ttl.TryGetInteger(out _)))
            return _server.Options.DefaultTtl;
        if (message.Ttl.IsNull)
            return Timeout.InfiniteTimeSpan;
        message.Ttl.TryGetInteger(out var milliseconds);
        return milliseconds == 0
            ? _server.Options.DefaultTtl
            : TimeSpan.FromMilliseconds(Math.Clamp(milliseconds, 1, BrokerServer.LongestTtl));
    }

    private static string PidOf(in WireMessage message) =>
        message.Pid.TryGetInteger(out var pid) ? $"pid {pid}" : "";

    private static ReadOnlySpan<byte> RawOrNull(in WireValue value) => value.IsMissing ? "null"u8 : value.Raw;

    private void SendUnknownType(in WireValue key, in WireValue uuid) => SendError(key, uuid, "Malformed data sent to Live-Mutex broker.");

    private void SendError(in WireMessage message, string error) => SendError(message.Key, message.Uuid, error);

    private void SendError(in WireValue key, in WireValue uuid, string error)
    {
        var line = NewLine.Raw("{"u8);
        if (!key.IsMissing)
            line.Raw("\"key\":"u8).Raw(key.Raw).Raw(","u8);
        if (!uuid.IsMissing)
            line.Raw("\"uuid\":"u8).Raw(uuid.Raw).Raw(","u8);
        Send(line.Raw("\"error\":"u8).Text(error).Raw("}\n"u8));
    }
}
