using Locking.Conformance;
using Locking.Testing;

namespace Locking.Core.Tests;

/// <summary>A thread pool that other work blocks: waits end, and leases go on.</summary>
[Collection(nameof(StarvedPoolTests))]
[CollectionDefinition(nameof(StarvedPoolTests), DisableParallelization = true)]
public sealed class StarvedPoolTests : StarvedPool
{
    protected override ILock NewLocks() => new StoreLock(new ScriptedStore(TimeProvider.System));

    [Fact]
    public void A_grant_that_comes_after_its_caller_has_left_is_given_back()
    {
        var store = new ScriptedStore(TimeProvider.System);
        var locks = new StoreLock(store);
        var grant = new TaskCompletionSource<AcquireReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        store.OnAcquire = async (_, step, _) =>
        {
            await grant.Task.ConfigureAwait(false);
            return step();
        };
        using (new BlockedPool())
        {
            Task<ILockHandle> call = locks.LockAsync("k", new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(200) }).AsTask();
            grant.SetResult(default); // its continuation waits for the pool
            Assert.True(((IAsyncResult)call).AsyncWaitHandle.WaitOne(Eventually.Patience),
                "the wait did not end while the pool was blocked");
            Assert.True(call.IsFaulted);
            Assert.IsType<LockStoreException>(call.Exception!.InnerException);
        }

        Assert.True(SpinWait.SpinUntil(() => store.Releases > 0 && store.HolderOf("k") is null, Eventually.Patience),
            "the late grant was kept");
        locks.DisposeAsync().AsTask().Wait(Eventually.Patience);
    }

    [Fact]
    public void Leases_are_renewed_while_the_pool_is_blocked()
    {
        var store = new ScriptedStore(TimeProvider.System);
        var locks = new StoreLock(store, new LockOptions { Ttl = TimeSpan.FromSeconds(3) });
        var handles = Enumerable.Range(0, 12).Select(i => locks.LockAsync($"k{i}").AsTask().GetAwaiter().GetResult()).ToList();
        using (new BlockedPool())
        {
            // Renewed three times each: two ttls and more have passed for those that came first.
            Assert.True(
                SpinWait.SpinUntil(() => store.Extends >= 5 * handles.Count || handles.Exists(h => h.LostReason is not null),
                    Eventually.Patience));
            Assert.All(handles, handle => Assert.Null(handle.LostReason));
        }

        foreach (ILockHandle? handle in handles)
            handle.DisposeAsync().AsTask().Wait(Eventually.Patience);
        locks.DisposeAsync().AsTask().Wait(Eventually.Patience);
    }

    [Fact]
    public void A_release_gives_up_at_its_limit_while_the_pool_is_blocked()
    {
        var hang = new Hang<StoreReply>();
        var store = new ScriptedStore(TimeProvider.System) { OnRelease = (_, _, _) => hang.DeafAsync() };
        var locks = new StoreLock(store, new LockOptions { ReleaseTimeout = TimeSpan.FromMilliseconds(200) });
        ILockHandle handle = locks.LockAsync("k").AsTask().GetAwaiter().GetResult();
        using (new BlockedPool())
        {
            Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
            Assert.True(unlock.Wait(Eventually.Patience), "the unlock did not end while the pool was blocked");
            Assert.Equal(UnlockOutcome.Unknown, unlock.Result);
        }

        hang.End(StoreReply.Done);
        locks.DisposeAsync().AsTask().Wait(Eventually.Patience);
    }
}
