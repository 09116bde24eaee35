using Locking.Testing;

namespace Locking;

[Collection(nameof(StarvedPoolTests))]
[CollectionDefinition(nameof(StarvedPoolTests), DisableParallelization = true)]
public sealed class StarvedPoolTests : BlockedPoolTests
{
    protected override async Task<IAsyncDisposable> StartAsync() => await EtcdServer.StartAsync();

    protected override ILockStore NewStore(IAsyncDisposable server) => EtcdFixture.StoreAt([((EtcdServer)server).Url]);
}
