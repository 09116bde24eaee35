using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>A file of leases on fake time, and claims to be put down in it.</summary>
public abstract class LeaseRecordTest : IAsyncDisposable
{
    private protected string Folder { get; } = Directory.CreateTempSubdirectory("lock-record-").FullName;

    private protected FakeTimeProvider Time { get; } = new();

    private protected BrokerServer Server { get; }

    private protected PublishedState Published { get; }

    protected LeaseRecordTest()
    {
        Server = new BrokerServer(
            new BrokerServerOptions { Path = Path.Combine(Folder, "never.sock") },
            LockProviderContext.Default with { TimeProvider = Time });
        Published = new PublishedState(Server.Locks, TimeSpan.FromSeconds(4));
    }

    private protected string RecordPath => Path.Combine(Folder, "record");

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private protected BrokerClaim Member(string key, string id) => Take(
        new MemberClaim(Published, new CompositeLock(Published, id), key, TimeSpan.FromMinutes(1)));

    private protected BrokerClaim Held(string key, string id, TimeSpan ttl, string owner = "Test", string? foreignKey = null) => Take(
        foreignKey is null
            ? new OwnClaim(Server.Locks.Records, key, id, owner, ttl)
            : new PublishedClaim(Published, key, System.Text.Encoding.UTF8.GetBytes(foreignKey), id, owner, ttl));

    private protected BrokerClaim Take(BrokerClaim claim)
    {
        Assert.Equal(AcquireStatus.Granted, Server.Locks.Table.Acquire(claim, default).Status);
        return claim;
    }

    private protected LeaseRecord Open() => Open(out _);

    private protected LeaseRecord Open(out List<RecordedLease> leases) => Load(RecordPath, out leases);

    private protected LeaseRecord OpenCopy(out List<RecordedLease> leases)
    {
        string copy = RecordPath + ".copy";
        File.Copy(RecordPath, copy, overwrite: true);
        return Load(copy, out leases);
    }

    private protected LeaseRecord Load(string path, out List<RecordedLease> leases)
    {
        var record = new LeaseRecord(path, isDurable: false, Time);
        leases = record.Load();
        return record;
    }

    private protected IEnumerable<string> RecordFileKeys()
    {
        using LeaseRecord read = OpenCopy(out List<RecordedLease> leases);
        return [.. leases.Select(static lease => lease.Key).Order()];
    }

    private protected sealed class SteppedTime(TimeProvider time, TimeSpan step) : TimeProvider
    {
        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + step;

        public override long GetTimestamp() => time.GetTimestamp();
    }
}
