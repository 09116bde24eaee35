namespace Locking;

[Collection(nameof(StarvedPoolTests))]
[CollectionDefinition(nameof(StarvedPoolTests), DisableParallelization = true)]
public sealed class StarvedPoolTests : BlockedPoolTests
{
    protected override async Task<IAsyncDisposable> StartAsync() => await PostgresServer.StartAsync();

    protected override ILockStore NewStore(IAsyncDisposable server) => TestStore.Create(((PostgresServer)server).ConnectionString);
}
