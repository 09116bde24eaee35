
namespace Locking;

/// <summary>After a restart, what a client asked before it had reclaimed its lease was answered as if the lease were gone.</summary>
public sealed class RestartedBrokerTests
{
    [Fact]
    public async Task A_release_that_was_asked_while_the_broker_was_away_is_done_at_the_next_one()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store();
        Assert.True((await store.TryAcquireAsync(Request("k", "H"), default)).IsGranted);
        await broker.StopAsync();

        // The lease is being given back from here on, and so is not reclaimed by the client's return.
        await Assert.ThrowsAsync<LockStoreException>(() => store.TryReleaseAsync("k", "H", default).AsTask());
        broker.Start();
        Assert.False(broker.Server.Locks.Pause.IsOn);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", "H", default));
        Assert.Equal(0, broker.Server.Locks.Table.KeyCount);
    }

    [Fact]
    public async Task A_lock_that_was_kept_over_a_crash_is_reported_released()
    {
        await using var broker = new TestBroker();
        ILockHandle handle = await broker.Lock().LockAsync("k");
        await broker.StopAsync();
        Task<UnlockOutcome> unlocking = handle.UnlockAsync().AsTask();
        broker.Start();
        Assert.Equal(UnlockOutcome.Released, await unlocking.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.False(handle.LostToken.IsCancellationRequested);
    }

    [Fact]
    public async Task What_is_being_given_back_is_not_reclaimed()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store();
        Assert.True((await store.TryAcquireAsync(Request("given back", "A"), default)).IsGranted);
        Assert.True((await store.TryAcquireAsync(Request("kept", "B"), default)).IsGranted);
        await broker.StopAsync();
        await Assert.ThrowsAsync<LockStoreException>(() => store.TryReleaseAsync("given back", "A", default).AsTask());
        broker.Start();
        Assert.Equal("B", (await store.GetAsync("kept", default))!.Id);
        Assert.Null(broker.Server.Locks.Find("given back", "A")!.Listener);
        Assert.NotNull(broker.Server.Locks.Find("kept", "B")!.Listener);
    }

    [Fact]
    public async Task What_may_still_be_reclaimed_is_not_said_to_be_free()
    {
        await using var broker = new TestBroker();
        BrokerLockStore holder = broker.Store();
        Assert.True((await holder.TryAcquireAsync(Request("k", "H"), default)).IsGranted);
        await broker.StopAsync();

        // The holder comes back only when it is asked something.
        await holder.DisposeAsync();
        File.Delete(RecordFile.Of(broker.Path));
        RecordFile.Pause(RecordFile.Of(broker.Path), TimeSpan.FromSeconds(30));
        broker.Start();
        BrokerLockStore other = broker.Store();
        await NotKnownYetAsync(() => other.TryReleaseAsync("k", "H", default).AsTask());
        await NotKnownYetAsync(() => other.TryExtendAsync("k", "H", TimeSpan.FromSeconds(5), default).AsTask());
        await NotKnownYetAsync(() => other.GetAsync("k", default).AsTask());
        await NotKnownYetAsync(() => other.ForceReleaseAsync("k", default).AsTask());
    }

    [Fact]
    public async Task Whoever_gives_an_acquire_up_during_the_pause_is_told_at_once_that_it_holds_nothing()
    {
        await using var broker = new TestBroker();
        Assert.True((await broker.Store().TryAcquireAsync(Request("k", "H"), default)).IsGranted);
        await broker.StopAsync();
        RecordFile.Pause(RecordFile.Of(broker.Path), TimeSpan.FromSeconds(30));
        broker.Start();
        BrokerLockStore other = broker.Store();
        Assert.False((await other.TryAcquireAsync(Request("free", "X"), default)).IsGranted);
        Assert.Equal(StoreReply.NotHeld, await other.TryReleaseAsync("free", "X", default));
        Assert.False((await other.AcquireAsync(Request("free", "Y"), TimeSpan.FromMilliseconds(20), default)).IsGranted);
        Assert.Equal(StoreReply.NotHeld, await other.TryReleaseAsync("free", "Y", default));
    }

    private static async Task NotKnownYetAsync(Func<Task> ask)
    {
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(ask);
        Assert.True(refused.IsTransient);
        Assert.False(refused.MayHaveBeenApplied);
        Assert.Contains("come back", refused.Message);
    }

    private static AcquireRequest Request(string key, string id) => new(key, id, "test", TimeSpan.FromSeconds(30));
}
