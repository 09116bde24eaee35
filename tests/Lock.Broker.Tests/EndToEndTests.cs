using Locking.Conformance;

namespace Locking;

public sealed class EndToEndTests
{
    [Fact]
    public async Task A_lock_is_taken_seen_and_given_back()
    {
        await using var broker = new TestBroker();
        StoreLock locks = broker.Lock();
        StoreLock other = broker.Lock();
        await using ILockHandle handle = await locks.LockAsync("orders/42");
        Assert.NotNull(handle.FencingToken);
        Assert.Null(await other.TryLockAsync("orders/42"));
        LockInfo? info = await other.GetAsync("orders/42");
        Assert.Equal(handle.Id, info!.Id);
        Assert.Equal(handle.FencingToken, info.FencingToken);
        Assert.InRange(info.Remaining.TotalSeconds, 20, 30);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(await other.GetAsync("orders/42"));
    }

    [Fact]
    public async Task Waiters_of_two_clients_get_the_lock_in_the_order_of_their_coming()
    {
        await using var broker = new TestBroker();
        ILockHandle holder = await broker.Lock().LockAsync("k");
        var order = new List<int>();
        var tasks = new List<Task>();
        for (int i = 0; i < 5; i++)
        {
            int number = i;
            StoreLock locks = broker.Lock();
            tasks.Add(Task.Run(async () =>
            {
                await using ILockHandle handle = await locks.LockAsync("k");
                order.Add(number);
            }));
            int queued = i + 1;
            while (broker.Server.Locks.Table.Report("k").Waiters < queued)
                await Task.Delay(1);
        }

        await holder.UnlockAsync();
        await Task.WhenAll(tasks).WaitAsync(Eventually.Patience);
        Assert.Equal([0, 1, 2, 3, 4], order);
    }

    [Fact]
    public async Task Extending_listing_and_force_work_and_the_holder_is_told()
    {
        await using var broker = new TestBroker();
        StoreLock locks = broker.Lock();
        ILockHandle handle = await locks.LockAsync("a/1", new LockOptions { Ttl = TimeSpan.FromMinutes(5), AutoRenew = false });
        Assert.True(await handle.TryExtendAsync(TimeSpan.FromMinutes(1)));
        StoreLock other = broker.Lock();
        var listed = new List<LockInfo>();
        await foreach (LockInfo info in other.ListAsync("a/"))
            listed.Add(info);
        Assert.Equal("a/1", Assert.Single(listed).Key);
        Assert.InRange(listed[0].Remaining.TotalSeconds, 1, 60);
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        handle.LostToken.Register(() => lost.TrySetResult());
        Assert.True(await other.ForceUnlockAsync("a/1"));
        await lost.Task.WaitAsync(Eventually.Patience);
        Assert.Equal(LostReason.Forced, handle.LostReason);
    }

    [Fact]
    public async Task A_wait_that_ends_gives_its_place_up()
    {
        await using var broker = new TestBroker();
        await using ILockHandle handle = await broker.Lock().LockAsync("k");
        StoreLock late = broker.Lock();
        Assert.Null(await late.TryLockAsync("k", new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(50) }));
        Assert.Equal(0, broker.Server.Locks.Table.Report("k").Waiters);
    }

    [Fact]
    public async Task A_closing_client_frees_its_locks_at_once_but_for_those_it_keeps()
    {
        await using var broker = new TestBroker();
        var store = new BrokerLockStore(broker.Connection);
        Assert.True((await store.TryAcquireAsync(Request("freed"), default)).IsGranted);
        Assert.True((await store.TryAcquireAsync(Request("kept", keep: true), default)).IsGranted);
        await store.DisposeAsync();
        BrokerLockStore other = broker.Store();
        Assert.True((await other.AcquireAsync(Request("freed"), TimeSpan.FromSeconds(5), default)).IsGranted);
        Assert.False((await other.TryAcquireAsync(Request("kept"), default)).IsGranted);
    }

    [Fact]
    public async Task A_restarted_broker_serves_reclaims_first_and_then_those_who_waited()
    {
        await using var broker = new TestBroker();
        StoreLock locks = broker.Lock();
        ILockHandle handle = await locks.LockAsync("k", new LockOptions { Ttl = TimeSpan.FromSeconds(2), AutoRenew = false });
        Task<ILockHandle> waiting = broker.Lock().LockAsync("k").AsTask();
        while (broker.Server.Locks.Table.Report("k").Waiters < 1)
            await Task.Delay(1);
        await broker.RestartAsync();
        Assert.True(await handle.TryExtendAsync(TimeSpan.FromSeconds(2)));
        Assert.False(waiting.IsCompleted);
        await handle.UnlockAsync();
        await using ILockHandle next = await waiting.WaitAsync(Eventually.Patience);
        Assert.True(next.FencingToken > handle.FencingToken);
    }

    private static AcquireRequest Request(string key, bool keep = false) =>
        new(key, Guid.NewGuid().ToString(), "test", TimeSpan.FromSeconds(30)) { KeepOnDisconnect = keep };
}
