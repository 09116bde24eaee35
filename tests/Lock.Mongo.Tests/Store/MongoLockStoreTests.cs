
namespace Locking;

/// <summary>What the shared conformance suite does not know of: the document, its index, and odd keys.</summary>
public sealed class MongoLockStoreTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly string _a = TestStore.NewId();
    private readonly string _b = TestStore.NewId();

    [Fact]
    public async Task A_lock_goes_from_hand_to_hand_with_rising_tokens()
    {
        await using var store = new TestStore(server.Uri);
        AcquireReply first = await store.AcquireAsync("k", _a);
        Assert.True(first.IsGranted);
        AcquireReply busy = await store.AcquireAsync("k", _b);
        Assert.False(busy.IsGranted);
        Assert.InRange(busy.HolderRemaining!.Value, TimeSpan.FromSeconds(30), s_minute);
        Assert.Equal(StoreReply.HeldByAnother, await store.ReleaseAsync("k", _b));
        Assert.Equal(StoreReply.HeldByAnother, await store.Store.TryExtendAsync("k", _b, s_minute, default));
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
        Assert.Equal(StoreReply.NotHeld, await store.Store.TryExtendAsync("k", _a, s_minute, default));
        AcquireReply second = await store.AcquireAsync("k", _b);
        Assert.True(second.FencingToken > first.FencingToken);
        Assert.InRange(second.FencingToken!.Value, 1_700_000_000_000_000, (1L << 53) - 1);
    }

    [Fact]
    public async Task The_same_holder_gets_the_same_token_and_a_fresh_lease()
    {
        await using var store = new TestStore(server.Uri);
        AcquireReply first = await store.AcquireAsync("k", _a, TimeSpan.FromSeconds(20));
        AcquireReply again = await store.AcquireAsync("k", _a, s_minute);
        Assert.Equal(first.FencingToken, again.FencingToken);
        Assert.True((await store.Store.GetAsync("k", default))!.Remaining > TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task An_expired_lease_is_free_and_cannot_be_extended_or_released()
    {
        await using var store = new TestStore(server.Uri);
        AcquireReply first = await store.AcquireAsync("k", _a, TimeSpan.FromMilliseconds(1));
        await UntilAsync(async () => await store.Store.GetAsync("k", default) is null);
        Assert.Equal(StoreReply.NotHeld, await store.Store.TryExtendAsync("k", _a, s_minute, default));
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
        Assert.True((await store.AcquireAsync("k", _b)).FencingToken > first.FencingToken);
    }

    [Fact]
    public async Task A_lock_without_expiry_stays_held_until_it_is_given_an_end()
    {
        await using var store = new TestStore(server.Uri);
        AcquireReply first = await store.AcquireAsync("k", _a, Timeout.InfiniteTimeSpan);
        Assert.True(first.IsGranted);
        AcquireReply busy = await store.AcquireAsync("k", _b);
        Assert.False(busy.IsGranted);
        Assert.Equal(Timeout.InfiniteTimeSpan, busy.HolderRemaining);
        Assert.Equal(first.FencingToken, (await store.AcquireAsync("k", _a, Timeout.InfiniteTimeSpan)).FencingToken);
        Assert.Equal(TimeSpan.MaxValue, (await store.Store.GetAsync("k", default))!.Remaining);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, s_minute, default));
        Assert.InRange((await store.Store.GetAsync("k", default))!.Remaining, TimeSpan.FromSeconds(30), s_minute);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, Timeout.InfiniteTimeSpan, default));
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
        Assert.True((await store.AcquireAsync("k", _b)).IsGranted);
    }

    [Fact]
    public async Task A_first_command_for_a_lock_without_expiry_that_comes_late_leaves_nothing_that_stays()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("warm", _b);
        gateway.Faults.Inject("findAndModify", GatewayFault.Delay);
        Task delayed = gateway.Faults.Delayed;
        using var cancel = new CancellationTokenSource();
        Task<AcquireReply> late =
            store.Store.TryAcquireAsync(new AcquireRequest("k", _a, "", Timeout.InfiniteTimeSpan), cancel.Token).AsTask();
        await delayed;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late);
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
        gateway.Faults.Release();
        await UntilAsync(async () => await store.Store.GetAsync("k", default) is not null);
        Assert.NotEqual(TimeSpan.MaxValue, (await store.Store.GetAsync("k", default))!.Remaining);
    }

    [Theory]
    [InlineData("$key")]
    [InlineData("$$NOW")]
    [InlineData("a.b.$c")]
    [InlineData(".")]
    [InlineData(" ")]
    [InlineData("tab\tand\u0001control\u001f")]
    [InlineData("ключ-鍵-🔑")]
    [InlineData("{\"$gt\":\"\"}")]
    public async Task Any_text_is_a_key_an_id_and_an_owner(string text)
    {
        await using var store = new TestStore(server.Uri);
        Assert.True((await store.AcquireAsync(text, "$" + text, owner: text)).IsGranted);
        Assert.False((await store.AcquireAsync(text, _b)).IsGranted);
        LockInfo? info = await store.Store.GetAsync(text, default);
        Assert.Equal((text, "$" + text, text), (info!.Key, info.Id, info.Owner));
        Assert.Equal(info.Key, Assert.Single(await ListAsync(store, text)).Key);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync(text, "$" + text, s_minute, default));
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync(text, "$" + text));
    }

    [Fact]
    public async Task Long_keys_that_differ_at_the_end_do_not_collide()
    {
        await using var store = new TestStore(server.Uri);
        string key = new('k', 1023);
        Assert.True((await store.AcquireAsync(key + "a", _a)).IsGranted);
        Assert.True((await store.AcquireAsync(key + "b", _b)).IsGranted);
        Assert.True((await store.AcquireAsync(key, TestStore.NewId())).IsGranted);
    }

    [Fact]
    public async Task Listing_gives_the_live_leases_of_a_prefix_over_many_pages()
    {
        await using var store = new TestStore(server.Uri, change: s => s with { KeyPrefix = "app:" });
        await Task.WhenAll(Enumerable.Range(0, 620).Select(i => store.AcquireAsync($"job/{i}", TestStore.NewId()).AsTask()));
        await store.AcquireAsync("jobs", _a);
        await store.AcquireAsync("JOB/x", _a);
        await store.AcquireAsync("job/released", _a);
        await store.ReleaseAsync("job/released", _a);
        List<LockInfo> listed = await ListAsync(store, "job/");
        Assert.Equal(620, listed.Count);
        Assert.Equal(620, listed.Select(l => l.Key).Distinct().Count());
        Assert.Equal(622, (await ListAsync(store, "")).Count);
    }

    [Fact]
    public async Task Force_ends_whatever_is_held_and_tokens_rise_on()
    {
        await using var store = new TestStore(server.Uri);
        AcquireReply first = await store.AcquireAsync("k", _a, Timeout.InfiniteTimeSpan);
        Assert.True(await store.Store.ForceReleaseAsync("k", default));
        Assert.False(await store.Store.ForceReleaseAsync("k", default));
        Assert.False(await store.Store.ForceReleaseAsync("never", default));
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
        Assert.True((await store.AcquireAsync("k", _b)).FencingToken > first.FencingToken);
    }

    [Fact]
    public async Task A_document_that_is_no_lock_is_left_alone_and_named()
    {
        await using var store = new TestStore(server.Uri);
        await store.InsertAsync("{ _id: 'k', holder: 'me', colour: 'red' }");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k", _a).AsTask());
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("'k'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("not a lock", exception.Message, StringComparison.Ordinal);
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", "me"));
        Assert.Equal(StoreReply.NotHeld, await store.Store.TryExtendAsync("k", "me", s_minute, default));
        Assert.False(await store.Store.ForceReleaseAsync("k", default));
        Assert.Null(await store.Store.GetAsync("k", default));
        Assert.Empty(await ListAsync(store, ""));
        Assert.True((await store.DocumentAsync("k"))!.Contains("colour"));
    }

    [Fact]
    public async Task Documents_that_look_like_a_lock_but_are_none_disturb_nobody()
    {
        await using var store = new TestStore(server.Uri);
        long later = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds();
        // A table of sessions, say: the fields have our names and other types.
        await store.InsertAsync($"{{ _id: 'session', token: 'abc', expiresAt: new Date({later}), holder: 'me' }}");
        await store.InsertAsync("{ _id: 'text', expiresAt: 'soon', holder: 7 }");
        await store.InsertAsync($"{{ _id: 1, token: NumberLong(5), expiresAt: new Date({later}), holder: 'me' }}");
        await store.InsertAsync("{ _id: { a: 'b' }, token: true, change: [] }");
        AcquireReply reply = await store.AcquireAsync("k", _a);
        Assert.True(reply.IsGranted);
        Assert.Equal("k", Assert.Single(await ListAsync(store, "")).Key);
        foreach (string key in (string[])["session", "text"])
        {
            LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync(key, _b).AsTask());
            Assert.False(exception.IsTransient);
            Assert.Contains($"'{key}'", exception.Message, StringComparison.Ordinal);
            Assert.Contains("not a lock", exception.Message, StringComparison.Ordinal);
            Assert.Null(await store.Store.GetAsync(key, default));
            Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync(key, "me"));
            Assert.Equal(StoreReply.NotHeld, await store.Store.TryExtendAsync(key, "me", s_minute, default));
            Assert.False(await store.Store.ForceReleaseAsync(key, default));
        }

        Assert.Equal("abc", (await store.DocumentAsync("session"))!["token"].AsString);
    }

    [Fact]
    public async Task Cancelled_before_it_began_does_nothing()
    {
        await using var store = new TestStore(server.Uri);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => store.Store.TryAcquireAsync(new AcquireRequest("k", _a, "", s_minute), new CancellationToken(true)).AsTask());
        Assert.Null(await store.Store.GetAsync("k", default));
    }

    [Fact]
    public async Task Sixteen_contenders_for_fresh_keys_have_one_winner_each()
    {
        const int contenders = 16;
        const int rounds = 40;
        string collection = MongoServer.NewCollection();
        List<TestStore> stores = Enumerable.Range(0, contenders).Select(_ => new TestStore(server.Uri, collection)).ToList();
        for (int round = 0; round < rounds; round++)
        {
            AcquireReply[] replies = await Task.WhenAll(
                stores.Select(store => Task.Run(() => store.AcquireAsync($"fresh-{round}", TestStore.NewId()).AsTask())));
            Assert.Single(replies, reply => reply.IsGranted);
        }

        foreach (TestStore store in stores) await store.DisposeAsync();
    }

    internal static async Task<List<LockInfo>> ListAsync(TestStore store, string prefix)
    {
        var all = new List<LockInfo>();
        await foreach (LockInfo info in store.Store.ListAsync(prefix, default)) all.Add(info);
        return all;
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (int i = 0; i < 1000; i++)
        {
            if (await condition()) return;
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }

        Assert.Fail("It did not happen within five seconds.");
    }
}
