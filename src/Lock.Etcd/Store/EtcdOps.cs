using Google.Protobuf;
using Locking.Etcd;

namespace Locking;

/// <summary>The parts of a transaction.</summary>
internal static class EtcdOps
{
    public static Compare CreatedAt(ByteString key, long revision) =>
        new() { Key = key, Target = Compare.Types.CompareTarget.Create, CreateRevision = revision };

    /// <summary>That nothing begins like this.</summary>
    public static Compare Nothing(ByteString start) =>
        new() { Key = start, RangeEnd = EtcdKeys.EndOf(start), Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 };

    public static Compare WrittenAt(ByteString key, long revision) =>
        new() { Key = key, Target = Compare.Types.CompareTarget.Mod, ModRevision = revision };

    public static RequestOp Put(ByteString key, ByteString value, long lease) =>
        new() { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease } };

    public static RequestOp Delete(ByteString key) => new() { RequestDeleteRange = new DeleteRangeRequest { Key = key } };

    public static RequestOp Get(ByteString key) => new() { RequestRange = new RangeRequest { Key = key } };

    /// <summary>Who came first of a line: its holder.</summary>
    public static RequestOp First(ByteString line) => new()
    {
        RequestRange = new RangeRequest
        {
            Key = line, RangeEnd = EtcdKeys.EndOf(line), Limit = 1,
            SortTarget = RangeRequest.Types.SortTarget.Create, SortOrder = RangeRequest.Types.SortOrder.Ascend,
        },
    };

    /// <summary>Who came last of those that came before.</summary>
    public static RequestOp Before(ByteString line, long created) => new()
    {
        RequestRange = new RangeRequest
        {
            Key = line, RangeEnd = EtcdKeys.EndOf(line), Limit = 1, MaxCreateRevision = created - 1,
            SortTarget = RangeRequest.Types.SortTarget.Create, SortOrder = RangeRequest.Types.SortOrder.Descend,
        },
    };

    /// <summary>What a reading within a transaction found, or null.</summary>
    public static KeyValue? Found(this TxnResponse reply, int index) =>
        reply.Responses[index].ResponseRange.Kvs is [var first, ..] ? first : null;
}
