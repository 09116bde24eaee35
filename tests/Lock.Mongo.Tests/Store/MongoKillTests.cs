using Locking.Conformance;

namespace Locking;

/// <summary>The engine itself is killed (-9) and comes back on what it had written.</summary>
public sealed class MongoKillTests(MongoServer server) : IClassFixture<MongoServer>
{
    private readonly string _key = Guid.NewGuid().ToString();

    [Fact]
    public async Task A_server_killed_while_a_lock_is_held_costs_its_holder_nothing_when_it_is_back_in_time()
    {
        Assert.NotEmpty(server.Uri); // the engine is installed
        await using OwnEngine engine = await OwnEngine.StartAsync();
        await using StoreLock locks = Create(engine);
        await using ILockHandle handle = await locks.LockAsync(_key,
            new LockOptions { Ttl = TimeSpan.FromMinutes(5), AutoRenew = true, RenewInterval = TimeSpan.FromMilliseconds(100) });
        await using (StoreLock impatient = Create(engine, connectTimeout: TimeSpan.FromMilliseconds(300)))
        {
            await engine.KillAsync();
            await Assert.ThrowsAsync<LockStoreException>(() => impatient.GetAsync(_key).AsTask());
        }

        await engine.RestartAsync();

        int renewals = engine.Gateway.Log.Count(command => command == "findAndModify");
        await Eventually.TrueAsync(() => engine.Gateway.Log.Count(command => command == "findAndModify") >= renewals + 2, "renewed again");
        Assert.False(handle.LostToken.IsCancellationRequested);
        await using StoreLock other = Create(engine);
        Assert.Null(await other.TryLockAsync(_key));
        Assert.Equal(handle.FencingToken, (await other.GetAsync(_key))!.FencingToken);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        await using ILockHandle? next = await other.TryLockAsync(_key);
        Assert.True(next!.FencingToken > handle.FencingToken);
    }

    [Fact]
    public async Task A_server_killed_while_somebody_waits_lets_the_wait_go_on_when_it_is_back()
    {
        Assert.NotEmpty(server.Uri);
        await using OwnEngine engine = await OwnEngine.StartAsync();
        await using StoreLock first = Create(engine);
        await using StoreLock second = Create(engine);
        // Long enough to outlast the restart, whose length depends on the machine; released by the test.
        ILockHandle held = await first.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromMinutes(5) });
        Task<ILockHandle> waiting =
            second.LockAsync(_key, new LockOptions { RetryDelay = TimeSpan.FromMilliseconds(20), RetryJitter = TimeSpan.Zero }).AsTask();
        await Eventually.TrueAsync(() => engine.Gateway.Log.Count(command => command == "findAndModify") >= 3, "asked and asked again");
        await engine.KillAsync();
        await engine.RestartAsync();
        Assert.False(waiting.IsCompleted, waiting.Exception?.ToString());
        // Not granted to the waiter by a server that had forgotten the holder.
        await Eventually.TrueAsync(() => engine.Gateway.Log.Any(command => command == "findAndModify"), "asked the server that is back");
        Assert.False(waiting.IsCompleted);
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await using ILockHandle handle = await Eventually.DoneAsync(waiting, "the waiter has the lock");
        Assert.True(handle.FencingToken > held.FencingToken);
    }

    private static StoreLock Create(OwnEngine engine, TimeSpan? connectTimeout = null)
    {
        var config = new MongoLockSettings { Url = engine.Gateway.Uri, Database = "lock_tests", Collection = "locks",
            ConnectTimeout = connectTimeout ?? TestStore.Patience, CommandTimeout = TestStore.Patience };
        return new StoreLock(new MongoLockProvider().CreateStore(config, null, LockProviderContext.Default));
    }
}
