namespace Locking;

/// <summary>The questions of the published protocol, with true answers.</summary>
internal sealed partial class ClientSession
{
    private const int ListedKeys = 10_000;

    private bool HandleQuestion(in WireMessage message)
    {
        if (message.Type.TextEquals("ls"u8))
            ListKeys(in message);
        else if (message.Type.TextEquals("lock-info-request"u8))
            LockInfo(in message);
        else if (message.Type.TextEquals("ping"u8))
            Ping(in message);
        else if (message.Type.TextEquals("system-stats-request"u8))
            Statistics(in message);
        else
            return false;
        return true;
    }

    private void ListKeys(in WireMessage message)
    {
        var line = NewLine.Raw("{\"ls_result\":["u8);
        var left = ListedKeys;
        foreach (var info in _server.Table.List(""))
        {
            if (left < ListedKeys)
                line.Raw(","u8);
            line.Text(info.Key);
            if (--left == 0 || line.Written.Length > _server.Options.Limits.UnreadOutput / 4)
                break;
        }

        Send(line.Raw("],\"uuid\":"u8).Raw(RawOrNull(message.Uuid)).Raw("}\n"u8));
    }

    private void LockInfo(in WireMessage message)
    {
        var report = _server.Table.Report(message.Key.GetText() ?? "");
        var line = NewLine.Raw("{\"key\":"u8).Raw(RawOrNull(message.Key)).Raw(",\"uuid\":"u8).Raw(RawOrNull(message.Uuid))
            .Raw(",\"lockholderUUIDs\":["u8);
        for (var i = 0; i < report.HolderIds.Count; i++)
        {
            if (i > 0)
                line.Raw(","u8);
            line.Text(report.HolderIds[i]);
        }

        Send(line.Raw("],\"lockRequestCount\":"u8).Integer(report.Waiters).Raw(",\"isLocked\":"u8)
            .Boolean(report.HolderIds.Count > 0).Raw(",\"lockInfo\":true,\"type\":\"lock-info-response\"}\n"u8));
    }

    private void Ping(in WireMessage message)
    {
        var now = _server.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        Send(NewLine.Raw("{\"uuid\":"u8).Raw(RawOrNull(message.Uuid)).Raw(",\"type\":\"pong\",\"timestamp\":"u8)
            .Raw(RawOrNull(message.Timestamp)).Raw(",\"serverTimestamp\":"u8).Integer(now).Raw(",\"ping\":true}\n"u8));
    }

    private void Statistics(in WireMessage message) =>
        Send(NewLine.Raw("{\"type\":\"system-stats-response\",\"uuid\":"u8).Raw(RawOrNull(message.Uuid))
            .Raw(",\"stats\":{\"connectedClients\":"u8).Integer(_server.ConnectionCount).Raw(",\"totalLocks\":"u8)
            .Integer(_server.Table.KeyCount).Raw(",\"pid\":"u8).Integer(Environment.ProcessId).Raw("}}\n"u8));

    private void Inspect(in WireMessage message)
    {
        if (!message.InspectCommand.IsString)
            Send(NewLine.Raw("{\"error\":\"inspectCommand was not a string\"}\n"u8));
        else if (message.InspectCommand.TextEquals("clientcount"u8))
            SendInspectResult(_server.ConnectionCount);
        else
            SendInspectResult(_server.Table.KeyCount);
    }

    private void SendInspectResult(int count) => Send(NewLine.Raw("{\"inspectResult\":"u8).Integer(count).Raw("}\n"u8));
}
