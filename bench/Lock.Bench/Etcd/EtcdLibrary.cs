using System.Globalization;
using Google.Protobuf;
using Locking.Etcd;

namespace Locking.Bench.Etcd;

/// <summary>A way to lock over a member of etcd.</summary>
internal static class EtcdLibrary
{
    public const string Raw = "raw, as etcdctl lock";
    public const string Ours = "ours";

    public static ILockLibrary Connect(string name, Uri member)
    {
        EtcdSettings settings = new() { Members = [member] };
        return name switch
        {
            Raw => new RawLibrary(new EtcdMember(member, settings)),
            Ours => new OurLibrary(new EtcdLockStore(settings, TimeProvider.System)),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
    }

    /// <summary>A lease, a transaction, and the lease's end. It does not wait.</summary>
    private sealed class RawLibrary(EtcdMember member) : ILockLibrary
    {
        public async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default)
        {
            ByteString line = ByteString.CopyFromUtf8($"{key}/");
            LeaseGrantResponse lease =
                await member.Leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = 30 }, cancellationToken: cancellationToken);
            ByteString entry = ByteString.CopyFromUtf8($"{key}/{lease.ID.ToString("x", CultureInfo.InvariantCulture)}");
            TxnResponse entered = await member.Kv.TxnAsync(
                new TxnRequest
                {
                    Compare = { EtcdOps.CreatedAt(entry, 0) },
                    Success = { EtcdOps.Put(entry, ByteString.Empty, lease.ID), EtcdOps.First(line) },
                    Failure = { EtcdOps.Get(entry), EtcdOps.First(line) },
                },
                cancellationToken: cancellationToken);
            return entered.Succeeded ? new Hold(member, lease.ID) : throw new InvalidOperationException("The raw lock was taken.");
        }

        public ValueTask DisposeAsync()
        {
            member.Dispose();
            return ValueTask.CompletedTask;
        }

        private sealed class Hold(EtcdMember member, long lease) : IAsyncDisposable
        {
            public async ValueTask DisposeAsync() => await member.Leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease });
        }
    }

    private sealed class OurLibrary(EtcdLockStore store) : ILockLibrary
    {
        private readonly StoreLock _locks = new(store);

        public async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await _locks.LockAsync(key, cancellationToken: cancellationToken);

        public ValueTask DisposeAsync() => _locks.DisposeAsync();
    }
}
