using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>Commands of waiters, holders and those who have gone, which arrive late, twice, or without an answer.</summary>
public sealed class MongoLineInterleavingTests : IClassFixture<MongoServer>, IAsyncLifetime
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly FakeTimeProvider _time = new(MongoServer.LaterThanAnyPurge);
    private readonly MongoGateway _gateway;
    private readonly DriverCommandRunner _client;
    private readonly MeddlingRunner _runner;
    private readonly TestStore _others;
    private readonly MongoLockStore _store;
    private readonly AcquireRequest _a = Waiter("a");
    private readonly AcquireRequest _b = Waiter("b");
    private readonly AcquireRequest _c = Waiter("c");

    public MongoLineInterleavingTests(MongoServer server)
    {
        _gateway = server.StartGateway();
        _gateway.Clock = _time;
        _client = TestStore.RunnerOf(_gateway.Uri);
        _runner = new MeddlingRunner(_client);
        _others = new TestStore(_gateway.Uri);
        _store = new MongoLockStore(_runner, _others.Settings, TimeProvider.System);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        Assert.Empty(_runner.Plan); // what was planned has happened
        await _store.DisposeAsync();
        _client.Dispose();
        await _others.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Fact]
    public async Task A_release_that_handed_on_and_lost_its_answer_takes_nothing_from_the_next_holder()
    {
        await OthersAsync(_a, granted: true);
        await AskAsync(_b, granted: false);
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a.HolderId));
        await OthersAsync(_c, granted: false);
        await AskAsync(_b, granted: true);

        // Its store knows that somebody waits, and hands on at once.
        _runner.LoseReply("findAndModify", () => OthersAsync(_c, granted: true));
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => _store.TryReleaseAsync("k", _b.HolderId, default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Equal(_c.HolderId, await HolderAsync());
        Assert.Equal(StoreReply.HeldByAnother, await _store.TryReleaseAsync("k", _b.HolderId, default));
        Assert.Equal(_c.HolderId, await HolderAsync());
    }

    [Fact]
    public async Task A_release_that_comes_late_spares_the_next_holder_and_its_line()
    {
        await AskAsync(_a, granted: true);
        await OthersAsync(_b, granted: false);
        _runner.Before("update", () => Task.CompletedTask);
        MeddlingRunner.CarryOut late = _runner.Keep("findAndModify");
        await Assert.ThrowsAsync<LockStoreException>(() => _store.TryReleaseAsync("k", _a.HolderId, default).AsTask());
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a.HolderId));
        await OthersAsync(_b, granted: true);
        await OthersAsync(_c, granted: false);
        await late();
        Assert.Equal(_b.HolderId, await HolderAsync());
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _b.HolderId));
        Assert.Equal(_c.HolderId, await HolderAsync());
    }

    [Fact]
    public async Task A_waiter_that_comes_between_the_two_commands_of_a_release_is_handed_the_lock()
    {
        await AskAsync(_a, granted: true);
        await OthersAsync(_b, granted: false);
        _runner.Before("findAndModify", () => OthersAsync(_c, granted: false));
        Assert.Equal(StoreReply.Done, await _store.TryReleaseAsync("k", _a.HolderId, default));
        await OthersAsync(_c, granted: false);
        await OthersAsync(_b, granted: true);
    }

    [Fact]
    public async Task A_lease_that_ends_between_the_two_commands_of_a_release_is_the_next_ones()
    {
        await AskAsync(_a, granted: true);
        await OthersAsync(_b, granted: false);
        _runner.Before("findAndModify", async () =>
        {
            _time.Advance(s_minute);
            await OthersAsync(_b, granted: true);
        });
        Assert.Equal(StoreReply.HeldByAnother, await _store.TryReleaseAsync("k", _a.HolderId, default));
        Assert.Equal(_b.HolderId, await HolderAsync());
    }

    [Fact]
    public async Task A_waiter_whose_grant_lost_its_answer_asks_again_and_has_it()
    {
        await OthersAsync(_a, granted: true);
        await AskAsync(_b, granted: false);
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a.HolderId));
        _runner.LoseReply("findAndModify", () => OthersAsync(_c, granted: false));
        await AskAsync(_b, granted: true);
        Assert.Equal(s_minute, (await _others.Store.GetAsync("k", default))!.Remaining);
    }

    [Fact]
    public async Task A_question_that_comes_when_its_waiter_has_gone_costs_one_claim()
    {
        await OthersAsync(_a, granted: true);
        await AskAsync(_b, granted: false);
        MeddlingRunner.CarryOut late = _runner.Keep("findAndModify");
        await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(_b, granted: false));
        Assert.Equal(StoreReply.HeldByAnother, await _store.TryReleaseAsync("k", _b.HolderId, default));
        await late();
        await OthersAsync(_c, granted: false);
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a.HolderId));
        await OthersAsync(_c, granted: false);
        _time.Advance((await _others.Store.GetAsync("k", default))!.Remaining);
        await OthersAsync(_c, granted: true);
    }

    /// <summary>Its holder was told of a longer lease by then, or of a shorter one: it never ends sooner than that.</summary>
    [Fact]
    public async Task A_question_that_comes_when_its_waiter_holds_the_lock_never_shortens_the_lease()
    {
        await OthersAsync(_a, granted: true);
        await AskAsync(_b, granted: false);
        MeddlingRunner.CarryOut late = _runner.Keep("findAndModify");
        await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(_b, granted: false));
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a.HolderId));
        await AskAsync(_b, granted: true);
        Assert.Equal(StoreReply.Done, await _store.TryExtendAsync("k", _b.HolderId, TimeSpan.FromHours(1), default));
        long token = (await _others.Store.GetAsync("k", default))!.FencingToken!.Value;
        await late();
        LockInfo held = (await _others.Store.GetAsync("k", default))!;
        Assert.Equal((TimeSpan.FromHours(1), token), (held.Remaining, held.FencingToken));
    }

    [Fact]
    public async Task A_forced_release_that_is_repeated_spares_the_first_of_the_line()
    {
        await OthersAsync(_a, granted: true);
        await OthersAsync(_b, granted: false);
        _runner.LoseReply("findAndModify", () => OthersAsync(_b, granted: true));
        Assert.True(await _store.ForceReleaseAsync("k", default));
        Assert.Equal(_b.HolderId, await HolderAsync());
    }

    /// <summary>Its second question may be the first one after it was made the holder.</summary>
    [Fact]
    public async Task A_waiter_that_comes_over_a_slow_way_does_not_miss_the_claim_of_its_first_entry()
    {
        TimeSpan way = TimeSpan.FromMilliseconds(600);
        await using MongoLockStore far = new(_runner, _others.Settings, _time);
        await OthersAsync(_a, granted: true);
        OnTheWay();
        await AskAsync(far, _b, granted: false);
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a.HolderId));
        await OthersAsync(_c, granted: false);
        OnTheWay();
        await AskAsync(far, _b, granted: true);

        void OnTheWay() => _runner.Before("findAndModify", () =>
        {
            _time.Advance(way);
            return Task.CompletedTask;
        });
    }

    private static AcquireRequest Waiter(string owner) => new("k", TestStore.NewId(), owner, s_minute) { Queue = true };

    private Task AskAsync(AcquireRequest request, bool granted) => AskAsync(_store, request, granted);

    private Task OthersAsync(AcquireRequest request, bool granted) => AskAsync(_others.Store, request, granted);

    private static async Task AskAsync(MongoLockStore store, AcquireRequest request, bool granted)
    {
        AcquireReply reply = await store.TryAcquireAsync(request, default);
        Assert.True(reply.IsGranted == granted, $"{request.Owner}: {reply}");
    }

    private async Task<string?> HolderAsync() => (await _others.Store.GetAsync("k", default))?.Id;
}
