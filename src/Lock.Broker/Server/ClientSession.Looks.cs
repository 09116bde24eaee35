namespace Locking;

/// <summary>Our own questions: who holds a lock, what is held, how the broker is.</summary>
internal sealed partial class ClientSession
{
    /// <summary>A list is told in parts, so that others have their turn in between and the reader can keep up.</summary>
    private const int PartOfList = 256;

    private readonly Queue<(long Number, IEnumerator<LockInfo> Infos)> _lists = [];

    protected override bool HasMore => _lists.Count > 0;

    /// <summary>One line for each lease, then a last one.</summary>
    protected override void OnMore()
    {
        var (number, infos) = _lists.Peek();
        for (var left = PartOfList; left > 0; left--)
        {
            if (!infos.MoveNext())
            {
                _lists.Dequeue().Infos.Dispose();
                SendResult(number, "done"u8);
                return;
            }

            SendInfo("lk-item"u8, number, infos.Current);
        }
    }

    private void Get(long number, string key)
    {
        if (_server.Table.Get(key) is { } info)
            SendInfo("lk-info"u8, number, info);
        else if (_server.Pause.IsOn)
            SendUnknown(number);
        else
            SendResult(number, "none"u8);
    }

    private void List(long number, string prefix) => _lists.Enqueue((number, _server.Table.List(prefix).GetEnumerator()));

    private void SendInfo(ReadOnlySpan<byte> type, long number, LockInfo info)
    {
        var line = NewLine.Raw("{\"type\":\""u8).Raw(type).Raw("\",\"n\":"u8).Integer(number).Raw(",\"key\":"u8).Text(info.Key)
            .Raw(",\"id\":"u8).Text(info.Id).Raw(",\"owner\":"u8).Text(info.Owner).Raw(",\"token\":"u8).Integer(info.FencingToken ?? 0)
            .Raw(",\"remaining\":"u8);
        line.Integer(info.Remaining == TimeSpan.MaxValue ? -1 : (long)Math.Ceiling(info.Remaining.TotalMilliseconds));
        Send(line.Raw("}\n"u8));
    }

    private void SendStatus(long number)
    {
        var line = NewLine.Raw("{\"type\":\"lk-status\",\"n\":"u8).Integer(number).Raw(",\"remaining\":"u8)
            .Integer((long)Math.Ceiling(_server.Pause.Left.TotalMilliseconds));
        if (_server.Weaknesses is { Length: > 0 } words)
            line.Raw(",\"warning\":"u8).Text(words);
        Send(line.Raw("}\n"u8));
    }
}
