namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S10_Of_many_contenders_one_wins()
    {
        ILockStore[] stores = new[] { Store, NewStore(), NewStore() };
        for (int round = 0; round < 5; round++)
        {
            string key = NewKey();
            (string Id, AcquireReply Reply)[] replies = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(async () =>
            {
                string id = NewId();
                return (Id: id, Reply: await AskAsync(stores[i % stores.Length], key, id));
            })));
            (string Id, AcquireReply Reply) winner = Assert.Single(replies, answer => answer.Reply.IsGranted);
            await AssertHeldByAsync(Store, key, winner.Id);
        }
    }

    [Fact]
    public async Task S10_A_lock_that_changes_hands_under_contention_is_never_held_twice()
    {
        string key = NewKey();
        ILockStore[] stores = new[] { Store, NewStore() };
        int holders = 0;
        int grants = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (int turn = 0; turn < 25; turn++)
            {
                string id = NewId();
                if (!(await AskAsync(stores[i % stores.Length], key, id)).IsGranted)
                    continue;
                Assert.Equal(1, Interlocked.Increment(ref holders));
                Interlocked.Increment(ref grants);
                await Task.Yield();
                Interlocked.Decrement(ref holders);
                Assert.Equal(StoreReply.Done, await stores[i % stores.Length].TryReleaseAsync(key, id, CancellationToken.None));
            }
        })));
        Assert.True(grants >= 1);
        await AssertFreeAsync(Store, key);
    }

    [Fact]
    public async Task S11_Two_instances_share_the_locks()
    {
        ILockStore other = NewStore();
        (string key, string id) = (NewKey(), NewId());
        long token = await TakeAsync(Store, key, id);
        Assert.False((await AskAsync(other, key, NewId())).IsGranted);
        await AssertHeldByAsync(other, key, id);
        Assert.Equal(token, await TakeAsync(other, key, id));
        Assert.Equal(StoreReply.Done, await other.TryExtendAsync(key, id, LongTtl * 2, CancellationToken.None));
        Assert.InRange((await Store.GetAsync(key, CancellationToken.None))!.Remaining, LongTtl, RoundedUp(LongTtl * 2));
        Assert.Equal([id], (await ListAsync(other, key)).Select(info => info.Id));
        Assert.Equal(StoreReply.Done, await other.TryReleaseAsync(key, id, CancellationToken.None));
        await AssertFreeAsync(Store, key);
    }

    [Fact]
    public async Task S28_Two_instances_racing_for_fresh_keys_have_one_winner_each_and_no_fault()
    {
        var keys = Enumerable.Range(0, 40).Select(_ => NewKey()).ToList();
        (ILockStore left, ILockStore right) = (Store, NewStore());
        int[] races = await Task.WhenAll(keys.Select(key => Task.Run(async () =>
        {
            AcquireReply[] replies = await Task.WhenAll(AskAsync(left, key, NewId()), AskAsync(right, key, NewId()));
            return replies.Count(reply => reply.IsGranted);
        })));
        Assert.All(races, winners => Assert.Equal(1, winners));
    }
}
