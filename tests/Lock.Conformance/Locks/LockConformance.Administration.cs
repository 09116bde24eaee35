namespace Locking.Conformance;

public abstract partial class LockConformance
{
    [Fact]
    public async Task L23_Get_tells_who_holds_the_lock()
    {
        string key = NewKey();
        Assert.Null(await Locks.GetAsync(key));
        await using ILockHandle handle = await TakeAsync(Locks, key, new LockOptions { Owner = "tester" });
        LockInfo? info = await NewLocks().GetAsync(key);
        Assert.NotNull(info);
        Assert.Equal((key, handle.Id, handle.FencingToken), (info.Key, info.Id, info.FencingToken));
        Assert.Equal(KeepsOwner ? "tester" : "", info.Owner);
        Assert.InRange(info.Remaining, LongTtl / 2, RoundedUp(LongTtl));
        await handle.UnlockAsync();
        Assert.Null(await Locks.GetAsync(key));
    }

    [Fact]
    public async Task L24_List_tells_every_held_lock_whose_key_begins_with_the_prefix()
    {
        string root = NewKey() + "/";
        Assert.Empty(await KeysAsync(root));
        await using ILockHandle a = await TakeAsync(Locks, root + "a");
        await using ILockHandle b = await TakeAsync(NewLocks(), root + "a*b");
        await using ILockHandle c = await TakeAsync(Locks, root + "C");
        Assert.Equal([root + "C", root + "a", root + "a*b"], await KeysAsync(root));
        Assert.Equal([root + "a*b"], await KeysAsync(root + "a*"));
        await a.UnlockAsync();
        Assert.Equal([root + "C", root + "a*b"], await KeysAsync(root));
        var all = new List<string>();
        await foreach (LockInfo info in Locks.ListAsync())
            all.Add(info.Key);
        Assert.Contains(root + "C", all);
    }

    [Fact]
    public async Task L25_A_lock_is_given_back_by_the_id_of_its_grant_from_anywhere()
    {
        string key = NewKey();
        ILock other = NewLocks();
        Assert.Equal(UnlockOutcome.AlreadyExpired, await other.UnlockAsync(key, NewId()));
        await using ILockHandle handle = await TakeAsync(Locks, key);
        Assert.Equal(UnlockOutcome.HeldByAnother, await other.UnlockAsync(key, NewId()));
        handle.ThrowIfLost();
        Assert.Equal(UnlockOutcome.Released, await other.UnlockAsync(key, handle.Id));
        Assert.Null(await Locks.GetAsync(key));
        Assert.Equal(UnlockOutcome.AlreadyExpired, await other.UnlockAsync(key, handle.Id));

        await using ILockHandle own = await TakeAsync(Locks, key);
        Assert.Equal(UnlockOutcome.Released, await Locks.UnlockAsync(key, own.Id));
        Assert.Null(await Locks.GetAsync(key));
    }

    [Fact]
    public async Task L26_A_lease_is_extended_by_the_id_of_its_grant_from_anywhere()
    {
        string key = NewKey();
        ILock other = NewLocks();
        Assert.False(await other.TryExtendAsync(key, NewId(), LongTtl));
        Assert.Null(await Locks.GetAsync(key));
        await using ILockHandle handle = await TakeAsync(Locks, key, Fixed(LongTtl));
        Assert.False(await other.TryExtendAsync(key, NewId(), LongTtl * 4));
        Assert.InRange((await Locks.GetAsync(key))!.Remaining, LongTtl / 2, RoundedUp(LongTtl));
        Assert.True(await other.TryExtendAsync(key, handle.Id, LongTtl * 2));
        Assert.InRange((await Locks.GetAsync(key))!.Remaining, LongTtl, RoundedUp(LongTtl * 2));
        Assert.True(await Locks.TryExtendAsync(key, handle.Id, LongTtl * 4));
        Assert.InRange(handle.Remaining, LongTtl * 2, LongTtl * 4);

        ILockHandle expired = await TakeAsync(Locks, NewKey(), Fixed(ShortTtl));
        await OutliveAsync(ShortTtl);
        Assert.False(await other.TryExtendAsync(expired.Key, expired.Id, LongTtl));
        Assert.False(await Locks.TryExtendAsync(expired.Key, expired.Id, LongTtl));
        Assert.Null(await Locks.GetAsync(expired.Key));
    }

    [Fact]
    public Task L27_Force_takes_the_lock_away_and_its_holder_learns_of_it() => TimelyAsync(async ttl =>
    {
        string key = NewKey();
        ILock other = NewLocks();
        Assert.False(await other.ForceUnlockAsync(key));
        ILockHandle handle = await NewLocks(new LockOptions { Ttl = ttl }).LockAsync(key);
        Assert.True(await other.ForceUnlockAsync(key));
        await using ILockHandle next = await TakeAsync(other, key);
        AssertRises(handle, next);
        await AfterTimeAsync(() => handle.LostToken.IsCancellationRequested, ttl, "the holder's loss");
        Assert.True(handle.LostReason is LostReason.Forced or LostReason.Removed or LostReason.HeldByAnother, $"{handle.LostReason}");
        Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Equal(UnlockOutcome.HeldByAnother, await handle.UnlockAsync());
        next.ThrowIfLost();
    });

    [Fact]
    public async Task L27_Force_by_the_instance_of_the_holder_is_known_at_once()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        Assert.True(await Locks.ForceUnlockAsync(key));
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "the holder's loss");
        Assert.Equal(LostReason.Forced, handle.LostReason);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
        Assert.False(await Locks.ForceUnlockAsync(key));
    }

    [Fact]
    public async Task L27_Force_lets_the_next_waiter_in()
    {
        string key = NewKey();
        await TakeAsync(Locks, key);
        Task<ILockHandle> waiting = NewLocks().LockAsync(key).AsTask();
        await Eventually.SettleAsync();
        Assert.True(await NewLocks().ForceUnlockAsync(key));
        await using ILockHandle next = await AfterTimeAsync(waiting, ShortTtl, "the waiter's grant");
        next.ThrowIfLost();
    }

    private async Task<List<string>> KeysAsync(string prefix)
    {
        var keys = new List<string>();
        await foreach (LockInfo info in Locks.ListAsync(prefix))
            keys.Add(info.Key);
        return [.. keys.Order(StringComparer.Ordinal)];
    }
}
