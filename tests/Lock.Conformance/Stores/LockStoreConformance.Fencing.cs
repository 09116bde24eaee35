namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S08_The_token_rises_across_releases()
    {
        string key = NewKey();
        long last = await CycleAsync(Store, key);
        for (int i = 0; i < 20; i++)
            last = await CycleAsync(Store, key, last);
    }

    [Fact]
    public async Task S08_The_token_rises_across_expiry_for_another_and_for_the_same_holder()
    {
        (string key, string id) = (NewKey(), NewId());
        long first = await TakeAsync(Store, key, id, ShortTtl);
        await OutliveAsync(ShortTtl);
        long second = await TakeAsync(Store, key, id, ShortTtl);
        AssertRises(first, second);
        await OutliveAsync(ShortTtl);
        AssertRises(second, await TakeAsync(Store, key, NewId()));
    }

    [Fact]
    public async Task S08_The_token_rises_across_instances_and_restarts_of_the_client()
    {
        string key = NewKey();
        long last = await CycleAsync(Store, key);
        for (int i = 0; i < 3; i++)
        {
            ILockStore restarted = CreateStore();
            await using (restarted)
                last = await CycleAsync(restarted, key, last);
            last = await CycleAsync(Store, key, last);
        }
    }

    [Fact]
    public async Task S08_The_token_rises_when_many_keys_and_instances_are_in_use_at_once()
    {
        var keys = Enumerable.Range(0, 4).Select(_ => NewKey()).ToList();
        ILockStore[] stores = new[] { Store, NewStore(), NewStore() };
        await Task.WhenAll(stores.SelectMany(store => keys.Select(key => Task.Run(async () =>
        {
            long last = 0L;
            for (int i = 0; i < 10; i++)
            {
                string id = NewId();
                AcquireReply reply = await AskAsync(store, key, id);
                if (!reply.IsGranted)
                    continue;
                long token = TokenOf(reply);
                AssertRises(last, token);
                last = token;
                Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
            }
        }))));
    }

    [Fact]
    public async Task S19_The_token_is_above_zero_and_below_2_to_the_53()
    {
        string key = NewKey();
        for (int i = 0; i < 3; i++)
        {
            long token = await CycleAsync(Store, key);
            if (Abilities.IssuesFencingTokens)
                Assert.InRange(token, 1, (1L << 53) - 1);
        }
    }

    /// <summary>Takes the lock and gives it back.</summary>
    private async Task<long> CycleAsync(ILockStore store, string key, long? above = null)
    {
        string id = NewId();
        long token = await TakeAsync(store, key, id);
        if (above is { } last)
            AssertRises(last, token);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
        return token;
    }
}
