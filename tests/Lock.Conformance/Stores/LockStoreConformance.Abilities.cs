namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public void S34_The_store_has_the_abilities_it_declares_and_no_others()
    {
        Assert.NotEmpty(Store.Type);
        StoreAbilities actual = Abilities with
        {
            QueuesWaiters = Store is IWaitingStore,
            SignalsRelease = Store is IReleaseSignal,
            SignalsLoss = Store is ILossSignal,
            ForcesRelease = Store is IForceReleaseStore,
        };
        Assert.Equal(Abilities, actual);
    }

    [Fact]
    public async Task S18_A_lease_without_expiry_stays_until_it_is_released()
    {
        (string key, string id) = (NewKey(), NewId());
        if (!Abilities.SupportsNoExpiry)
        {
            await AssertRefusesNoExpiryAsync(key, id);
            return;
        }

        await TakeAsync(Store, key, id, Timeout.InfiniteTimeSpan);
        Assert.Equal(TimeSpan.MaxValue, (await Store.GetAsync(key, CancellationToken.None))!.Remaining);
        Assert.Equal(TimeSpan.MaxValue, Assert.Single(await ListAsync(Store, key)).Remaining);
        await OutliveAsync(ShortTtl);
        AcquireReply busy = await AskAsync(Store, key, NewId());
        Assert.False(busy.IsGranted);
        Assert.Equal(Abilities.TellsHolderRemaining ? Timeout.InfiniteTimeSpan : null, busy.HolderRemaining);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryReleaseAsync(key, NewId(), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        await AssertFreeAsync(Store, key);
        await TakeAsync(Store, key, NewId());
    }

    [Fact]
    public Task S18_A_lease_loses_or_gains_its_expiry_by_extending() => TimelyAsync(async ttl =>
    {
        (string gains, string loses, string id) = (NewKey(), NewKey(), NewId());
        await TakeAsync(Store, loses, id, ttl);
        if (!Abilities.SupportsNoExpiry)
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(
                async () => await Store.TryExtendAsync(loses, id, Timeout.InfiniteTimeSpan, CancellationToken.None));
            await OutliveAsync(ttl);
            await AssertFreeAsync(Store, loses);
            return;
        }

        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(loses, id, Timeout.InfiniteTimeSpan, CancellationToken.None));
        await TakeAsync(Store, gains, id, Timeout.InfiniteTimeSpan);
        Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(gains, id, ttl, CancellationToken.None));
        await OutliveAsync(ttl);
        await AssertHeldByAsync(Store, loses, id);
        Assert.Equal(TimeSpan.MaxValue, (await Store.GetAsync(loses, CancellationToken.None))!.Remaining);
        await AssertFreeAsync(Store, gains);
    });

    [Fact]
    public async Task S20_Force_ends_the_lease_of_whoever_holds_the_lock()
    {
        (string key, string id, string next) = (NewKey(), NewId(), NewId());
        Assert.False(await ForceAsync(key));
        long earlier = await TakeAsync(Store, key, id);
        Assert.True(await ForceAsync(key));
        await AssertFreeAsync(Store, key);
        Assert.Equal(StoreReply.NotHeld, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        Assert.Equal(StoreReply.NotHeld, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        AssertRises(earlier, await TakeAsync(Store, key, next));
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        await AssertHeldByAsync(Store, key, next);
    }

    [Fact]
    public async Task S20_Force_ends_a_lease_without_expiry_too_and_no_other_key()
    {
        (string key, string bystander, string id) = (NewKey(), NewKey(), NewId());
        await TakeAsync(Store, key, id, Abilities.SupportsNoExpiry ? Timeout.InfiniteTimeSpan : LongTtl);
        await TakeAsync(Store, bystander, id);
        Assert.True(await ForceAsync(key));
        Assert.False(await ForceAsync(key));
        await AssertFreeAsync(Store, key);
        await AssertHeldByAsync(Store, bystander, id);
    }

    [Fact]
    public async Task S29_A_holder_whose_lock_is_taken_by_force_is_told()
    {
        (string key, string id) = (NewKey(), NewId());
        var told = new List<StoreLoss>();
        if (Store is ILossSignal signal)
            signal.LeaseLost += loss => { lock (told) told.Add(loss); };
        await TakeAsync(Store, key, id);
        Assert.True(await ForceAsync(NewStore(), key));
        if (Abilities.SignalsLoss)
            await Eventually.TrueAsync(() => { lock (told) return told.Any(loss => loss.Key == key && loss.HolderId == id); },
                "told of the loss");
        else
            Assert.Equal(StoreReply.NotHeld, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
    }

    [Fact]
    public async Task S29_Nobody_is_told_of_a_loss_when_a_holder_extends_or_releases()
    {
        (string key, string id) = (NewKey(), NewId());
        int told = 0;
        if (Store is ILossSignal signal)
            signal.LeaseLost += _ => Interlocked.Increment(ref told);
        await TakeAsync(Store, key, id);
        await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None);
        await Store.TryReleaseAsync(key, id, CancellationToken.None);
        await TakeAsync(Store, key, NewId());
        await Eventually.SettleAsync();
        Assert.Equal(0, Volatile.Read(ref told));
    }

    private Task<bool> ForceAsync(string key) => ForceAsync(Store, key);

    private async Task AssertRefusesNoExpiryAsync(string key, string id)
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await AskAsync(Store, key, id, Timeout.InfiniteTimeSpan));
        await AssertFreeAsync(Store, key);
    }
}
