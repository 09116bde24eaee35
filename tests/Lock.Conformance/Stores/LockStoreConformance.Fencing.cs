namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S08_The_token_rises_across_releases()
    {
        var key = NewKey();
        var last = await CycleAsync(Store, key);
        for (var i = 0; i < 20; i++)
            last = await CycleAsync(Store, key, last);
    }

    [Fact]
    public async Task S08_The_token_rises_across_expiry_for_another_and_for_the_same_holder()
    {
        var (key, id) = (NewKey(), NewId());
        var first = await TakeAsync(Store, key, id, ShortTtl);
        await OutliveAsync(ShortTtl);
        var second = await TakeAsync(Store, key, id, ShortTtl);
        AssertRises(first, second);
        await OutliveAsync(ShortTtl);
        AssertRises(second, await TakeAsync(Store, key, NewId()));
    }

    [Fact]
    public async Task S08_The_token_rises_across_instances_and_restarts_of_the_client()
    {
        var key = NewKey();
        var last = await CycleAsync(Store, key);
        for (var i = 0; i < 3; i++)
        {
            var restarted = CreateStore();
            await using (restarted)
                last = await CycleAsync(restarted, key, last);
            last = await CycleAsync(Store, key, last);
        }
    }

    [Fact]
    public async Task S08_The_token_rises_when_many_keys_and_instances_are_in_use_at_once()
    {
        var keys = Enumerable.Range(0, 4).Select(_ => NewKey()).ToList();
        var stores = new[] { Store, NewStore(), NewStore() };
        await Task.WhenAll(stores.SelectMany(store => keys.Select(key => Task.Run(async () =>
        {
            var last = 0L;
            for (var i = 0; i < 10; i++)
            {
                var id = NewId();
                var reply = await AskAsync(store, key, id);
                if (!reply.IsGranted)
                    continue;
                var token = TokenOf(reply);
                AssertRises(last, token);
                last = token;
                Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
            }
        }))));
    }

    [Fact]
    public async Task S19_The_token_is_above_zero_and_below_2_to_the_53()
    {
        var key = NewKey();
        for (var i = 0; i < 3; i++)
        {
            var token = await CycleAsync(Store, key);
            if (Abilities.IssuesFencingTokens)
                Assert.InRange(token, 1, (1L << 53) - 1);
        }
    }

    /// <summary>Takes the lock and gives it back.</summary>
    private async Task<long> CycleAsync(ILockStore store, string key, long? above = null)
    {
        var id = NewId();
        var token = await TakeAsync(store, key, id);
        if (above is { } last)
            AssertRises(last, token);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
        return token;
    }
}
