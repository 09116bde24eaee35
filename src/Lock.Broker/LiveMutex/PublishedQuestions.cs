
namespace Locking;

/// <summary>The questions of the published protocol, with true answers.</summary>
internal sealed class PublishedQuestions(BrokerLocks locks, BrokerServerOptions options, Func<int> connections)
{
    private const int ListedKeys = 10_000;

    /// <summary>Handles such a message.</summary>
    /// <returns>False when it is another one.</returns>
    public bool TryHandle(ClientSession session, in WireMessage message)
    {
        if (message.Type.TextEquals("ls"u8))
            ListKeys(session, in message);
        else if (message.Type.TextEquals("lock-info-request"u8))
            LockInfo(session, in message);
        else if (message.Type.TextEquals("ping"u8))
            Ping(session, in message);
        else if (message.Type.TextEquals("system-stats-request"u8))
            Statistics(session, in message);
        else
            return false;
        return true;
    }

    /// <summary>Answers one of the original's inspection commands.</summary>
    public void Inspect(ClientSession session, in WireMessage message)
    {
        if (!message.InspectCommand.IsString)
            session.Send(LineWriter.Begin().Raw("{\"error\":\"inspectCommand was not a string\"}\n"u8));
        else
            session.Send(LineWriter.Begin().Raw("{\"inspectResult\":"u8)
                .Integer(message.InspectCommand.TextEquals("clientcount"u8) ? connections() : locks.Table.KeyCount).Raw("}\n"u8));
    }

    private void ListKeys(ClientSession session, in WireMessage message)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"ls_result\":["u8);
        int left = ListedKeys;
        foreach (LockInfo info in locks.Table.List(""))
        {
            if (left < ListedKeys)
                line.Raw(","u8);
            line.Text(info.Key);
            if (--left == 0 || line.Written.Length > options.Limits.UnreadOutput / 4)
                break;
        }

        session.Send(line.Raw("],\"uuid\":"u8).Raw(PublishedLines.RawOrNull(message.Uuid)).Raw("}\n"u8));
    }

    private void LockInfo(ClientSession session, in WireMessage message)
    {
        KeyReport report = locks.Table.Report(message.Key.GetText() ?? "");
        LineWriter line = LineWriter.Begin().Raw("{\"key\":"u8).Raw(PublishedLines.RawOrNull(message.Key)).Raw(",\"uuid\":"u8)
            .Raw(PublishedLines.RawOrNull(message.Uuid)).Raw(",\"lockholderUUIDs\":["u8);
        for (int i = 0; i < report.HolderIds.Count; i++)
        {
            if (i > 0)
                line.Raw(","u8);
            line.Text(report.HolderIds[i]);
        }

        session.Send(line.Raw("],\"lockRequestCount\":"u8).Integer(report.Waiters).Raw(",\"isLocked\":"u8)
            .Boolean(report.HolderIds.Count > 0).Raw(",\"lockInfo\":true,\"type\":\"lock-info-response\"}\n"u8));
    }

    private void Ping(ClientSession session, in WireMessage message)
    {
        long now = locks.Records.Time.GetUtcNow().ToUnixTimeMilliseconds();
        session.Send(LineWriter.Begin().Raw("{\"uuid\":"u8).Raw(PublishedLines.RawOrNull(message.Uuid))
            .Raw(",\"type\":\"pong\",\"timestamp\":"u8)
            .Raw(PublishedLines.RawOrNull(message.Timestamp)).Raw(",\"serverTimestamp\":"u8).Integer(now).Raw(",\"ping\":true}\n"u8));
    }

    private void Statistics(ClientSession session, in WireMessage message) => session.Send(
        PublishedLines.Answer("system-stats-response"u8, in message).Raw(",\"stats\":{\"connectedClients\":"u8).Integer(connections())
            .Raw(",\"totalLocks\":"u8).Integer(locks.Table.KeyCount).Raw(",\"pid\":"u8).Integer(Environment.ProcessId).Raw("}}\n"u8));
}
