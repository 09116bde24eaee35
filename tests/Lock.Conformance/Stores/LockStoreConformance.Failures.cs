namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S12_A_step_that_is_cancelled_beforehand_does_nothing()
    {
        (string held, string free, string id) = (NewKey(), NewKey(), NewId());
        // Shorter than what the steps ask for, so that one that was done all the same shows,
        // whatever a quorum's late votes make of what is left.
        await TakeAsync(Store, held, id, LongTtl / 2);
        LockInfo? before = await Store.GetAsync(held, CancellationToken.None);
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.TryAcquireAsync(Request(free, id), cancelled));
        foreach ((string name, Func<ILockStore, CancellationToken, Task> call) in Steps(held, id))
        {
            Exception fault = await Record.ExceptionAsync(() => call(Store, cancelled));
            Assert.True(fault is OperationCanceledException, $"{name}: {fault?.GetType().Name ?? "no exception"}");
        }

        await AssertFreeAsync(Store, free);
        LockInfo? after = await Store.GetAsync(held, CancellationToken.None);
        Assert.NotNull(after);
        Assert.Equal(before! with { Remaining = after.Remaining }, after);
        Assert.True(after.Remaining <= LongTtl / 2, "a cancelled step restarted the ttl");
    }

    [Fact]
    public async Task S12_A_step_is_cancelled_promptly_while_the_backend_is_silent()
    {
        using var server = new SilentServer();
        foreach ((string name, Func<ILockStore, CancellationToken, Task> call) in Steps(NewKey(), NewId()))
        {
            // Far longer than anybody's patience: a step that ends has not waited for it.
            if (CreateSilentStore(server.Port, TimeSpan.FromMinutes(5)) is not { } store)
            {
                // A backend without a connection answers at once, cancelled or not.
                using var never = new CancellationTokenSource();
                await Eventually.DoneAsync(call(Store, never.Token), name);
                continue;
            }

            await using ILockStore _ = store;
            using var stop = new CancellationTokenSource();
            var step = Task.Run(() => call(store, stop.Token));
            await Eventually.SettleAsync();
            await stop.CancelAsync();
            Exception fault = await Record.ExceptionAsync(() => Eventually.DoneAsync(step, $"cancelled {name}"));
            Assert.True(fault is OperationCanceledException, $"{name}: {fault?.ToString() ?? "no exception"}");
        }
    }

    [Fact]
    public async Task L03_A_wait_ends_when_it_was_told_to_while_the_backend_is_silent()
    {
        using var server = new SilentServer();
        if (CreateSilentStore(server.Port, TimeSpan.FromMinutes(5)) is not { } store)
            return; // in memory nothing is silent

        // The store's own limits are far beyond any patience: only the engine can end these.
        await using var locks = new StoreLock(store);
        var waits = new[] { NewKey(), NewKey() }.SelectMany(key => Enumerable.Range(0, 3).Select(_ =>
            Task.Run(async () => await locks.LockAsync(key, new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(200) })))).ToList();
        foreach (Task<ILockHandle>? wait in waits)
        {
            Exception end = await Record.ExceptionAsync(() => Eventually.DoneAsync(wait, "the wait"));
            Assert.True(end is LockStoreException { IsTransient: true } or LockTimeoutException, end?.ToString() ?? "granted");
        }

        Assert.Contains(waits, wait => wait.Exception!.InnerException is LockStoreException);
    }

    [Fact]
    public async Task S13_A_backend_that_cannot_be_reached_is_a_transient_store_exception()
    {
        foreach ((string name, Func<ILockStore, CancellationToken, Task> call) in Steps(NewKey(), NewId()))
        {
            if (CreateUnreachableStore(SilentServer.ClosedPort()) is not { } store)
            {
                // A backend in this process is always reached.
                await call(Store, CancellationToken.None);
                continue;
            }

            await using ILockStore _ = store;
            await AssertFaultAsync(name, call(store, CancellationToken.None));
        }
    }

    [Fact]
    public async Task S13_A_backend_that_does_not_answer_is_a_transient_store_exception_within_the_time_limit()
    {
        using var server = new SilentServer();
        foreach ((string name, Func<ILockStore, CancellationToken, Task> call) in Steps(NewKey(), NewId()))
        {
            if (CreateSilentStore(server.Port, TimeSpan.FromSeconds(1)) is not { } store)
            {
                await Eventually.DoneAsync(call(Store, CancellationToken.None), name);
                continue;
            }

            await using ILockStore _ = store;
            await AssertFaultAsync(name, call(store, CancellationToken.None));
        }
    }

    [Fact]
    public async Task S30_A_disposed_store_refuses_every_step()
    {
        ILockStore store = CreateStore();
        await store.DisposeAsync();
        await store.DisposeAsync();
        string key = NewKey();
        foreach ((string name, Func<ILockStore, CancellationToken, Task> call) in Steps(key, NewId()))
        {
            Exception fault = await Record.ExceptionAsync(() => call(store, CancellationToken.None));
            Assert.True(fault is ObjectDisposedException, $"{name}: {fault?.GetType().Name ?? "no exception"}");
        }

        await AssertFreeAsync(Store, key);
    }

    [Fact]
    public async Task S30_Disposing_one_instance_leaves_the_others_and_their_leases_alone()
    {
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(Store, key, id);
        ILockStore other = CreateStore();
        Assert.False((await AskAsync(other, key, NewId())).IsGranted);
        await other.DisposeAsync();
        await AssertHeldByAsync(Store, key, id);
        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
    }

    [Fact]
    public async Task S31_A_lease_taken_to_be_kept_outlives_the_instance_it_was_taken_on()
    {
        (string key, string id) = (NewKey(), NewId());
        ILockStore other = CreateStore();
        TokenOf(await other.TryAcquireAsync(new AcquireRequest(key, id, "tester", LongTtl) { KeepOnDisconnect = true },
            CancellationToken.None));
        await other.DisposeAsync();
        await AssertHeldByAsync(Store, key, id);
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
    }

    private static async Task AssertFaultAsync(string name, Task step)
    {
        Exception fault = await Record.ExceptionAsync(() => Eventually.DoneAsync(step, name));
        Assert.True(fault is LockStoreException { IsTransient: true }, $"{name}: {fault?.ToString() ?? "no exception"}");
    }
}
