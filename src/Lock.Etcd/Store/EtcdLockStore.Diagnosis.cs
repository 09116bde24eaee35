using Locking.Etcd;

namespace Locking;

/// <content>What is unsafe about a cluster.</content>
internal sealed partial class EtcdLockStore
{
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        return [];
    }
}
