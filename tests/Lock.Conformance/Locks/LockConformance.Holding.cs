using System.Runtime.CompilerServices;

namespace Locking.Conformance;

public abstract partial class LockConformance
{
    [Fact]
    public async Task L09_Unlock_tells_what_became_of_the_lock_and_tells_it_again()
    {
        string key = NewKey();
        ILockHandle released = await TakeAsync(Locks, key);
        Assert.Equal(UnlockOutcome.Released, await released.UnlockAsync());
        Assert.Equal(UnlockOutcome.Released, await released.UnlockAsync());

        ILockHandle expired = await TakeAsync(Locks, key, Fixed(ShortTtl));
        await OutliveAsync(ShortTtl);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await expired.UnlockAsync());

        ILockHandle taken = await TakeAsync(Locks, key, Fixed(ShortTtl));
        await OutliveAsync(ShortTtl);
        await using ILockHandle next = await TakeAsync(NewLocks(), key);
        Assert.Equal(UnlockOutcome.HeldByAnother, await taken.UnlockAsync());
        Assert.Equal(UnlockOutcome.HeldByAnother, await taken.UnlockAsync());
        Assert.Equal(UnlockOutcome.AlreadyExpired, await expired.UnlockAsync());
        next.ThrowIfLost();
        Assert.Equal(next.Id, (await Locks.GetAsync(key))?.Id);
    }

    [Fact]
    public async Task L09_Unlock_called_by_many_at_once_releases_once()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        UnlockOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => handle.UnlockAsync().AsTask())));
        Assert.All(outcomes, outcome => Assert.Equal(UnlockOutcome.Released, outcome));
        await using ILockHandle next = await TakeAsync(Locks, key);
    }

    [Fact]
    public async Task L10_Disposing_a_handle_gives_the_lock_back_and_never_throws_for_a_lost_one()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        await handle.DisposeAsync();
        await handle.DisposeAsync();
        Assert.Null(await Locks.GetAsync(key));

        ILockHandle lost = await TakeAsync(Locks, key, Fixed(ShortTtl));
        await OutliveAsync(ShortTtl);
        await using ILockHandle next = await TakeAsync(NewLocks(), key);
        await lost.DisposeAsync();
        next.ThrowIfLost();
        await AssertBusyAsync(Locks, key);
    }

    [Fact]
    public Task L11_A_lease_that_runs_out_is_lost_before_anybody_else_can_have_the_lock() => TimelyAsync(async ttl =>
    {
        string key = NewKey();

        // In real time half of the lease is the margin: L11 holds as long as the machine lets a thread run within it.
        LockOptions options = Fixed(ttl) with { LostMargin = Clock == TimeProvider.System ? ttl / 2 : null };
        ILockHandle handle = await TakeAsync(Locks, key, options);
        CancellationToken lost = handle.LostToken;
        Task<ILockHandle> waiting = NewLocks().LockAsync(key).AsTask();
        Task<bool> seen = waiting.ContinueWith(_ => lost.IsCancellationRequested, CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await using ILockHandle next = await AfterTimeAsync(waiting, ttl, "the next holder's grant");
        Assert.True(await seen, "the lock was granted to another before its holder was told of the loss");
        Assert.Equal(LostReason.Expired, handle.LostReason);
        Assert.Equal(TimeSpan.Zero, handle.Remaining);
        LockLostException exception = Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Equal((key, handle.Id, LostReason.Expired), (exception.Key, exception.Id, exception.Reason));
        next.ThrowIfLost();
    });

    [Fact]
    public async Task L11_The_lost_token_fires_by_itself_and_runs_its_callbacks()
    {
        ILockHandle handle = await TakeAsync(Locks, NewKey(), Fixed(ShortTtl));
        var told = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = handle.LostToken.Register(() => told.SetResult(true));
        Assert.True(await AfterTimeAsync(told.Task, ShortTtl, "the callback of the lost token"));
    }

    [Fact]
    public async Task L12_ThrowIfLost_reads_the_clock()
    {
        ILockHandle handle = await TakeAsync(Locks, NewKey(), Fixed(ShortTtl));
        await OutliveAsync(ShortTtl);
        Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Equal(TimeSpan.Zero, handle.Remaining);
        Assert.Equal(LostReason.Expired, handle.LostReason);
        Assert.True(handle.LostToken.IsCancellationRequested);
    }

    [Fact]
    public Task L13_After_unlocking_the_lost_token_stays_silent_and_the_handle_refuses_to_be_used() => TimelyAsync(async ttl =>
    {
        ILockHandle handle = await TakeAsync(Locks, NewKey(), Fixed(ttl));
        CancellationToken lost = handle.LostToken;
        await handle.UnlockAsync();
        await OutliveAsync(ttl);
        await Eventually.SettleAsync();
        Assert.False(lost.IsCancellationRequested);
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.Null(handle.LostReason);
        Assert.Equal(TimeSpan.Zero, handle.Remaining);
        Assert.Throws<ObjectDisposedException>(handle.ThrowIfLost);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await handle.ExtendAsync(LongTtl));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await handle.TryExtendAsync(LongTtl));
    });

    [Fact]
    public Task L14_A_lease_is_renewed_while_the_handle_lives() => TimelyAsync(async ttl =>
    {
        string key = NewKey();
        ILock locks = NewLocks(new LockOptions { Ttl = ttl });
        await using ILockHandle handle = await locks.LockAsync(key);
        await StaysHeldAsync(handle, ttl * 2);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    });

    [Fact]
    public async Task L50_A_caller_that_blocks_its_thread_holds_up_no_other_lock()
    {
        (string blocked, string other) = (NewKey(), NewKey());
        ILock locks = NewLocks();
        await (await TakeAsync(locks, NewKey())).DisposeAsync(); // connected by now
        using var open = new ManualResetEventSlim();
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var caller = Task.Run(async () =>
        {
            await using ILockHandle handle = await locks.LockAsync(blocked);
            taken.SetResult();
            open.Wait(Eventually.Patience);
        });
        try
        {
            await Eventually.DoneAsync(taken.Task, "the grant of the caller that blocks");
            await using ILockHandle handle = await Eventually.DoneAsync(locks.LockAsync(other).AsTask(), "the grant of another key");
            Assert.False(caller.IsCompleted);
        }
        finally
        {
            open.Set();
        }

        await Eventually.DoneAsync(caller, "the caller that blocked");
    }

    [Fact]
    public Task L15_A_ttl_in_the_call_changes_the_length_of_the_lease_and_not_its_renewal() => TimelyAsync(async ttl =>
    {
        ILock locks = NewLocks(new LockOptions { Ttl = LongTtl });
        await using ILockHandle renewed = await TakeAsync(locks, NewKey(), new LockOptions { Ttl = ttl });
        Assert.InRange(renewed.Remaining, TimeSpan.Zero, ttl);
        await StaysHeldAsync(renewed, ttl * 2);

        ILock unrenewed = NewLocks(new LockOptions { Ttl = LongTtl, AutoRenew = false });
        string key = NewKey();
        ILockHandle ends = await TakeAsync(unrenewed, key, new LockOptions { Ttl = ShortTtl });
        await OutliveAsync(ShortTtl);
        Assert.Throws<LockLostException>(ends.ThrowIfLost);
        await using ILockHandle next = await TakeAsync(NewLocks(), key);
    });

    [Fact]
    public Task L16_AutoRenew_of_the_call_overrules_that_of_the_configuration() => TimelyAsync(async ttl =>
    {
        ILockHandle never = await TakeAsync(NewLocks(new LockOptions { Ttl = ttl }), NewKey(), new LockOptions { AutoRenew = false });
        ILock unrenewed = NewLocks(new LockOptions { Ttl = ttl, AutoRenew = false });
        await using ILockHandle always = await TakeAsync(unrenewed, NewKey(), new LockOptions { AutoRenew = true });
        await StaysHeldAsync(always, ttl * 2);
        Assert.Throws<LockLostException>(never.ThrowIfLost);
    });

    [Fact]
    public Task L17_MaxHold_ends_the_lease_exactly_there() => TimelyAsync(async ttl =>
    {
        string key = NewKey();
        TimeSpan maxHold = ttl * 1.5;
        ILock locks = NewLocks(new LockOptions { Ttl = ttl, MaxHold = maxHold });
        long asked = Clock.GetTimestamp();
        ILockHandle handle = await locks.LockAsync(key);
        long granted = Clock.GetTimestamp();
        ILock other = NewLocks();
        while (true)
        {
            // Each clock is read so that a pause between two readings can only make the check milder.
            TimeSpan held = Clock.GetElapsedTime(granted);
            TimeSpan remaining = handle.Remaining;
            Assert.InRange(remaining, TimeSpan.Zero, held < maxHold ? maxHold - held : TimeSpan.Zero);
            Assert.True(remaining <= ttl, "more than a ttl is left");
            if (remaining == TimeSpan.Zero)
                break;
            await AdvanceAsync(ttl / 32);
            await Eventually.SettleAsync();
            await using ILockHandle? taken = await other.TryLockAsync(key);
            Assert.True(taken is null || handle.Remaining == TimeSpan.Zero, "another was granted the lock while its holder relied on it");
        }

        Assert.True(Clock.GetElapsedTime(asked) >= maxHold - (DriftOf(maxHold) + Margin), "the lease ended before it had to");
        Assert.Equal(LostReason.MaxHoldReached, Assert.Throws<LockLostException>(handle.ThrowIfLost).Reason);
        Assert.True(handle.LostToken.IsCancellationRequested);
        await OutliveAsync(DriftOf(maxHold));
        Task<ILockHandle> waiting = NewLocks().LockAsync(key, new LockOptions { WaitTimeout = ttl / 4 }).AsTask();
        await using ILockHandle next = await AfterTimeAsync(waiting, ttl / 4, "the lock is free in the backend as well");
    });

    [Fact]
    public Task L17_No_extension_reaches_beyond_max_hold() => TimelyAsync(async ttl =>
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key, Fixed(ttl) with { MaxHold = ttl });
        Assert.True(await handle.TryExtendAsync(LongTtl));
        Assert.InRange(handle.Remaining, TimeSpan.Zero, ttl);
        await OutliveAsync(ttl);
        Assert.Equal(LostReason.MaxHoldReached, handle.LostReason);
        await using ILockHandle next = await TakeAsync(NewLocks(), key);
    });

    [Fact]
    public async Task L18_Remaining_leaves_out_the_drift_and_falls_with_time()
    {
        await using ILockHandle handle = await TakeAsync(Locks, NewKey(), Fixed(LongTtl));
        TimeSpan first = handle.Remaining;
        long since = Clock.GetTimestamp();
        Assert.InRange(first, LongTtl / 2, LongTtl - DriftOf(LongTtl));
        await AdvanceAsync(TimeSpan.FromMilliseconds(20));

        // Timers may ring early: what counts is how much time has passed since.
        TimeSpan passed = Clock.GetElapsedTime(since);
        Assert.InRange(handle.Remaining, LongTtl / 2, first - passed + TimeSpan.FromMicroseconds(1));
    }

    [Fact]
    public async Task L19_Extending_restarts_the_ttl_and_returns_the_same_handle()
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key, Fixed(LongTtl));
        Assert.Same(handle, await handle.ExtendAsync(LongTtl * 2));
        Assert.InRange(handle.Remaining, LongTtl, LongTtl * 2);
        Assert.InRange((await Locks.GetAsync(key))!.Remaining, LongTtl, RoundedUp(LongTtl * 2));
        Assert.True(await handle.TryExtendAsync(ShortTtl));
        Assert.InRange(handle.Remaining, TimeSpan.Zero, ShortTtl);
        await OutliveAsync(ShortTtl);
        Assert.Throws<LockLostException>(handle.ThrowIfLost);
        await using ILockHandle next = await TakeAsync(NewLocks(), key);
    }

    [Fact]
    public async Task L20_Extending_a_lost_lease_throws_or_is_false_and_changes_nothing()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key, Fixed(ShortTtl));
        await OutliveAsync(ShortTtl);
        Assert.False(await handle.TryExtendAsync(LongTtl));
        LockLostException exception = await Assert.ThrowsAsync<LockLostException>(async () => await handle.ExtendAsync(LongTtl));
        Assert.Equal(handle.Id, exception.Id);
        Assert.Null(await Locks.GetAsync(key));

        await using ILockHandle next = await TakeAsync(NewLocks(), key);
        Assert.False(await handle.TryExtendAsync(LongTtl));
        Assert.Equal(next.Id, (await Locks.GetAsync(key))?.Id);
    }

    [Fact]
    public async Task L35_A_lock_without_expiry_stays_until_it_is_given_back()
    {
        string key = NewKey();
        if (!SupportsNoExpiry)
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.LockAsync(key, Fixed(Timeout.InfiniteTimeSpan)));
            Assert.Null(await Locks.GetAsync(key));
            return;
        }

        await using ILockHandle handle = await Locks.LockAsync(key, Fixed(Timeout.InfiniteTimeSpan));
        Assert.Equal(TimeSpan.MaxValue, handle.Remaining);
        Assert.Equal(TimeSpan.MaxValue, (await Locks.GetAsync(key))!.Remaining);
        await OutliveAsync(ShortTtl);
        await AssertBusyAsync(NewLocks(), key);
        handle.ThrowIfLost();
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(await Locks.GetAsync(key));
    }

    [Fact]
    public Task L44_A_handle_that_was_dropped_stops_renewing() => TimelyAsync(async ttl =>
    {
        string key = NewKey();
        ILock locks = NewLocks(new LockOptions { Ttl = ttl });
        ILock other = NewLocks();
        Drop(locks, key);
        ILockHandle? next = null;
        long since = TimeProvider.System.GetTimestamp();
        while (next is null)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Assert.True(TimeProvider.System.GetElapsedTime(since) < (ttl * 3) + Eventually.Patience,
                "a dropped handle was renewed on and on");
            await AdvanceAsync(ttl / 10);
            await Eventually.SettleAsync();
            next = await other.TryLockAsync(key);
        }

        await next.DisposeAsync();
    });

    /// <summary>Takes a lock on a stack of its own and forgets the handle.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(ILock locks, string key) =>
        Assert.NotNull(Task.Run(async () => (await locks.LockAsync(key)).Id).GetAwaiter().GetResult());

    private async Task StaysHeldAsync(ILockHandle handle, TimeSpan time)
    {
        ILock other = NewLocks();
        long since = Clock.GetTimestamp();
        while (Clock.GetElapsedTime(since) < time)
        {
            await AdvanceAsync(time / 40);
            await Eventually.SettleAsync();
            await AssertBusyAsync(other, handle.Key);
            handle.ThrowIfLost();
            Assert.False(handle.LostToken.IsCancellationRequested);
        }
    }
}
