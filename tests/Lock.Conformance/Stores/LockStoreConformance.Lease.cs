
namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S01_A_free_lock_is_granted()
    {
        (string key, string id) = (NewKey(), NewId());
        await AssertFreeAsync(Store, key);
        AcquireReply reply = await AskAsync(Store, key, id);
        TokenOf(reply);
        Assert.Equal(TimeSpan.Zero, reply.QueuedFor);
        await AssertHeldByAsync(Store, key, id);
    }

    [Fact]
    public async Task S02_A_live_lease_refuses_others_and_stays_as_it_was()
    {
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(Store, key, id, owner: "first");
        LockInfo? before = await Store.GetAsync(key, CancellationToken.None);
        for (int i = 0; i < 3; i++)
        {
            AcquireReply refused = await AskAsync(Store, key, NewId(), TimeSpan.FromHours(1), "second");
            Assert.False(refused.IsGranted);
            Assert.Null(refused.FencingToken);
        }

        LockInfo? after = await Store.GetAsync(key, CancellationToken.None);
        Assert.NotNull(after);
        Assert.Equal(before! with { Remaining = after.Remaining }, after);
        // No more than was asked for. A quorum may say more than before: it answers with what a majority of the nodes says that answered
        // this time, and leases begin there at different moments.
        Assert.InRange(after.Remaining, TimeSpan.FromMilliseconds(1), RoundedUp(LongTtl));
    }

    [Fact]
    public async Task S02_A_busy_answer_tells_what_is_left_of_the_holders_lease()
    {
        string key = NewKey();
        await TakeAsync(Store, key, NewId());
        AcquireReply busy = await AskAsync(Store, key, NewId());
        if (Abilities.TellsHolderRemaining)
            Assert.InRange(busy.HolderRemaining!.Value, LongTtl / 2, RoundedUp(LongTtl));
        else
            Assert.Null(busy.HolderRemaining);
    }

    [Fact]
    public async Task S03_The_same_holder_asking_again_gets_the_same_token()
    {
        (string key, string id) = (NewKey(), NewId());
        long first = await TakeAsync(Store, key, id);
        Assert.Equal(first, await TakeAsync(Store, key, id));
        Assert.Equal(first, await TakeAsync(NewStore(), key, id));
        await AssertHeldByAsync(Store, key, id);
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        await AssertFreeAsync(Store, key);
    }

    [Fact]
    public Task S03_The_same_holder_asking_again_gets_a_fresh_ttl() => TimelyAsync(async ttl =>
    {
        (string grows, string shrinks, string id) = (NewKey(), NewKey(), NewId());
        await TakeAsync(Store, grows, id, ttl);
        await TakeAsync(Store, grows, id, LongTtl);
        await TakeAsync(Store, shrinks, id, LongTtl);
        await TakeAsync(Store, shrinks, id, ttl);
        await OutliveAsync(ttl);
        await AssertHeldByAsync(Store, grows, id);
        await AssertFreeAsync(Store, shrinks);
    });

    [Fact]
    public async Task S04_Only_the_holder_extends()
    {
        (string key, string id) = (NewKey(), NewId());
        long token = await TakeAsync(Store, key, id);
        LockInfo? before = await Store.GetAsync(key, CancellationToken.None);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryExtendAsync(key, NewId(), TimeSpan.FromHours(1), CancellationToken.None));
        Assert.InRange((await Store.GetAsync(key, CancellationToken.None))!.Remaining, TimeSpan.FromMilliseconds(1), RoundedUp(LongTtl));

        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(key, id, LongTtl * 2, CancellationToken.None));
        LockInfo? extended = await Store.GetAsync(key, CancellationToken.None);
        Assert.Equal(before! with { Remaining = extended!.Remaining }, extended);
        Assert.InRange(extended.Remaining, LongTtl, RoundedUp(LongTtl * 2));
        Assert.Equal(token, await TakeAsync(Store, key, id));
    }

    [Fact]
    public Task S04_Extending_restarts_the_ttl_longer_or_shorter() => TimelyAsync(async ttl =>
    {
        (string grows, string shrinks, string id) = (NewKey(), NewKey(), NewId());
        await TakeAsync(Store, grows, id, ttl);
        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(grows, id, LongTtl, CancellationToken.None));
        await TakeAsync(Store, shrinks, id, LongTtl);
        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(shrinks, id, ttl, CancellationToken.None));
        await OutliveAsync(ttl);
        await AssertHeldByAsync(Store, grows, id);
        Assert.False((await AskAsync(Store, grows, NewId())).IsGranted);
        await AssertFreeAsync(Store, shrinks);
        await TakeAsync(Store, shrinks, NewId());
    });

    [Fact]
    public async Task S04_Extending_never_creates_a_lease()
    {
        (string key, string id) = (NewKey(), NewId());
        Assert.Equal(StoreReply.NotHeld, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        await AssertFreeAsync(Store, key);
        await TakeAsync(Store, key, id);
        await Store.TryReleaseAsync(key, id, CancellationToken.None);
        Assert.Equal(StoreReply.NotHeld, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        await AssertFreeAsync(Store, key);
        await TakeAsync(Store, key, NewId());
    }

    [Fact]
    public async Task S05_Only_the_holder_releases()
    {
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(Store, key, id);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryReleaseAsync(key, NewId(), CancellationToken.None));
        await AssertHeldByAsync(Store, key, id);
        Assert.False((await AskAsync(Store, key, NewId())).IsGranted);
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        await AssertFreeAsync(Store, key);
        await TakeAsync(Store, key, NewId());
    }

    [Fact]
    public async Task S05_Releasing_twice_is_refused_the_second_time()
    {
        (string key, string first, string second) = (NewKey(), NewId(), NewId());
        await TakeAsync(Store, key, first);
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, first, CancellationToken.None));
        Assert.Equal(StoreReply.NotHeld, await Store.TryReleaseAsync(key, first, CancellationToken.None));
        await TakeAsync(Store, key, second);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryReleaseAsync(key, first, CancellationToken.None));
        await AssertHeldByAsync(Store, key, second);
    }

    [Fact]
    public Task S06_An_expired_lease_leaves_the_lock_free() => TimelyAsync(async ttl =>
    {
        (string key, string next) = (NewKey(), NewId());
        await TakeAsync(Store, key, NewId(), ttl);
        Assert.False((await AskAsync(Store, key, NewId())).IsGranted);
        await OutliveAsync(ttl);
        await AssertFreeAsync(Store, key);
        await TakeAsync(Store, key, next);
        await AssertHeldByAsync(Store, key, next);
    });

    [Fact]
    public async Task S06_A_lease_lasts_for_its_whole_ttl()
    {
        // A slow machine only makes it last longer as measured here, so this holds whatever else runs.
        string key = NewKey();
        long sent = Clock.GetTimestamp();
        await TakeAsync(Store, key, NewId(), ShortTtl);
        while (!(await AskAsync(Store, key, NewId())).IsGranted)
        {
            Assert.True(Clock.GetElapsedTime(sent) < ShortTtl + Eventually.Patience, "the lease does not end");
            await AdvanceAsync(ShortTtl / 20);
        }

        Assert.True(Clock.GetElapsedTime(sent) >= (ShortTtl * 0.99) - TimeSpan.FromMilliseconds(2),
            "granted to another before the ttl had passed");
    }

    [Fact]
    public async Task S07_An_expired_lease_cannot_be_extended_even_if_nobody_took_the_lock()
    {
        (string key, string id) = (NewKey(), NewId());
        long earlier = await TakeAsync(Store, key, id, ShortTtl);
        await OutliveAsync(ShortTtl);
        Assert.Equal(StoreReply.NotHeld, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        await AssertFreeAsync(Store, key);
        AssertRises(earlier, await TakeAsync(Store, key, NewId()));
    }

    [Fact]
    public async Task S07_An_expired_lease_that_another_has_now_cannot_be_extended_or_released()
    {
        (string key, string first, string second) = (NewKey(), NewId(), NewId());
        await TakeAsync(Store, key, first, ShortTtl);
        await OutliveAsync(ShortTtl);
        await TakeAsync(Store, key, second);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryExtendAsync(key, first, LongTtl, CancellationToken.None));
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryReleaseAsync(key, first, CancellationToken.None));
        await AssertHeldByAsync(Store, key, second);
    }

    [Fact]
    public async Task S16_Release_tells_released_not_held_and_held_by_another_apart()
    {
        (string key, string id) = (NewKey(), NewId());
        Assert.Equal(StoreReply.NotHeld, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        await TakeAsync(Store, key, id, ShortTtl);
        await OutliveAsync(ShortTtl);
        Assert.Equal(StoreReply.NotHeld, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        await TakeAsync(Store, key, id);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryReleaseAsync(key, NewId(), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
    }

    [Fact]
    public async Task S27_A_late_duplicate_of_an_acquire_leaves_nothing_beyond_its_ttl()
    {
        string key = NewKey();
        AcquireRequest request = Request(key, NewId(), ShortTtl);
        TokenOf(await Store.TryAcquireAsync(request, CancellationToken.None));
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, request.HolderId, CancellationToken.None));
        await Store.TryAcquireAsync(request, CancellationToken.None);
        await OutliveAsync(ShortTtl);
        await AssertFreeAsync(Store, key);
        await TakeAsync(Store, key, NewId());
    }

    [Fact]
    public async Task S32_The_shortest_and_the_longest_ttl_are_kept()
    {
        (string shortest, string longest, string id) = (NewKey(), NewKey(), NewId());
        await TakeAsync(Store, shortest, id, TimeSpan.FromMilliseconds(1));
        await OutliveAsync(TimeSpan.FromMilliseconds(1));
        await AssertFreeAsync(Store, shortest);
        var days = TimeSpan.FromDays(10_000);
        await TakeAsync(Store, longest, id, days);
        Assert.InRange((await Store.GetAsync(longest, CancellationToken.None))!.Remaining, days - TimeSpan.FromHours(1), RoundedUp(days));
        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(longest, id, days, CancellationToken.None));
        Assert.False((await AskAsync(Store, longest, NewId())).IsGranted);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task S33_The_clock_of_the_callers_process_decides_nothing(int days)
    {
        ILockStore wrong = NewSkewedStore(TimeSpan.FromDays(days));
        (string key, string id, string other) = (NewKey(), NewId(), NewId());
        long first = await TakeAsync(Store, key, id);
        Assert.False((await AskAsync(wrong, key, other)).IsGranted);
        Assert.Equal(StoreReply.HeldByAnother, await wrong.TryExtendAsync(key, other, LongTtl, CancellationToken.None));
        Assert.InRange((await wrong.GetAsync(key, CancellationToken.None))!.Remaining, LongTtl / 2, RoundedUp(LongTtl));
        Assert.Equal(StoreReply.Done, await wrong.TryReleaseAsync(key, id, CancellationToken.None));

        long second = await TakeAsync(wrong, key, other);
        AssertRises(first, second);
        Assert.False((await AskAsync(Store, key, id)).IsGranted);
        Assert.InRange((await Store.GetAsync(key, CancellationToken.None))!.Remaining, LongTtl / 2, RoundedUp(LongTtl));
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, other, CancellationToken.None));
        AssertRises(second, await TakeAsync(Store, key, id));
    }

    private ILockStore NewSkewedStore(TimeSpan skew) => Track(CreateStore(new SkewedTimeProvider(Clock, skew)));
}
