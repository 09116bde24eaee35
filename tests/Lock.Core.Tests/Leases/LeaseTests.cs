using Locking.Conformance;

namespace Locking.Core.Tests;

public sealed class LeaseTests : EngineTest
{
    [Fact]
    public async Task A_default_lease_is_renewed_every_third_of_its_ttl()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Assert.Equal(Seconds(30) - Seconds(0.3) - TimeSpan.FromMilliseconds(2), handle.Remaining);

        Time.Advance(Seconds(9.9));
        Assert.Equal(0, Store.Extends);
        Time.Advance(Seconds(0.2));
        await Eventually.TrueAsync(() => Store.Extends == 1, "a renewal after 10 s");

        for (int i = 2; i < 12; i++)
        {
            await Eventually.TrueAsync(() => handle.Remaining > Seconds(29), "the renewal is counted");
            Time.Advance(Seconds(10));
            int renewals = i;
            await Eventually.TrueAsync(() => Store.Extends == renewals, "another renewal");
        }

        Assert.Null(handle.LostReason);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(Store.HolderOf("k"));
    }

    [Fact]
    public async Task A_ttl_given_in_the_call_is_a_fixed_lease()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(3)));
        Time.Advance(Seconds(2.9));
        Assert.False(handle.LostToken.IsCancellationRequested);
        Time.Advance(Seconds(0.1));
        Assert.True(handle.LostToken.IsCancellationRequested);
        Assert.Equal(LostReason.Expired, handle.LostReason);
        Assert.Equal(TimeSpan.Zero, handle.Remaining);
        Assert.Equal(0, Store.Extends);
        LockLostException lost = Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Equal("k", lost.Key);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
    }

    [Fact]
    public async Task The_lost_token_fires_before_the_store_lets_anyone_else_in()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(3)));
        CancellationToken token = handle.LostToken;
        while (!token.IsCancellationRequested)
        {
            Assert.Equal(handle.Id, Store.HolderOf("k"));
            Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.NotNull(Store.HolderOf("k"));
    }

    [Fact]
    public async Task Validity_counts_from_before_the_request()
    {
        Store.OnAcquire = (_, step, _) =>
        {
            AcquireReply reply = step();
            Time.Advance(Seconds(2)); // the answer was two seconds on its way
            return ValueTask.FromResult(reply);
        };
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(10)));
        Assert.Equal(Seconds(10 - 2 - 0.1) - TimeSpan.FromMilliseconds(2), handle.Remaining);
    }

    [Fact]
    public async Task Validity_of_a_renewal_and_of_an_extension_counts_from_before_the_request()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Store.OnExtend = (_, _, step, _) =>
        {
            StoreReply reply = step();
            Time.Advance(Seconds(2)); // the answer was two seconds on its way
            return ValueTask.FromResult(reply);
        };
        Time.Advance(Seconds(10.1));
        await Eventually.TrueAsync(() => Store.Extends == 1 && handle.Remaining > Seconds(25), "the renewal is counted");
        Assert.Equal(Seconds(30 - 2 - 0.3) - TimeSpan.FromMilliseconds(2), handle.Remaining);

        await handle.ExtendAsync(Seconds(10));
        Assert.Equal(Seconds(10 - 2 - 0.1) - TimeSpan.FromMilliseconds(2), handle.Remaining);
    }

    [Fact]
    public async Task L47_Unanswered_renewals_leave_the_lease_in_doubt_and_are_repeated_until_the_validity_ends()
    {
        Store.OnExtend = (_, _, _, _) => throw Transient();
        ILockHandle handle = await Locks.LockAsync("k");
        CancellationToken token = handle.LostToken;
        await AdvanceSlowlyAsync(Seconds(29), Seconds(0.5));
        Assert.True(Store.Extends >= 10, $"only {Store.Extends} renewals were tried");
        Assert.False(token.IsCancellationRequested);
        handle.ThrowIfLost();

        Time.Advance(Seconds(1));
        Assert.True(token.IsCancellationRequested);
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }

    [Fact]
    public async Task L47_A_renewal_that_is_answered_again_in_time_saves_the_lease()
    {
        Store.OnExtend = (_, _, _, _) => throw Transient();
        ILockHandle handle = await Locks.LockAsync("k");
        await AdvanceSlowlyAsync(Seconds(25), Seconds(0.5));
        Store.OnExtend = null;
        await AdvanceSlowlyAsync(Seconds(2), Seconds(0.5));
        await Eventually.TrueAsync(() => handle.Remaining > Seconds(27), "the renewal is counted");
        handle.ThrowIfLost();
    }

    [Theory]
    [InlineData(true, LostReason.HeldByAnother)]
    [InlineData(false, LostReason.Removed)]
    public async Task L47_A_renewal_that_is_refused_loses_the_lease_at_once(bool somebodyElse, LostReason reason)
    {
        ILockHandle handle = await Locks.LockAsync("k");
        CancellationToken token = handle.LostToken;
        if (somebodyElse)
            Store.HoldElsewhere("k", Seconds(60));
        else
            Store.Remove("k");
        Time.Advance(Seconds(10));
        await Eventually.TrueAsync(() => token.IsCancellationRequested, "the loss is announced");
        Assert.Equal(reason, handle.LostReason);
        Assert.Equal(somebodyElse ? UnlockOutcome.HeldByAnother : UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
        await Eventually.TrueAsync(() => Logs.Messages.Any(m => m.Contains("'k'") && m.Contains(reason.ToString())), "a log line");
    }

    [Fact]
    public async Task ThrowIfLost_reads_the_clock_even_where_no_timer_could_fire()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(3)));
        Time.Suspend(Seconds(4)); // no timer has run, the backend's clock has
        LockLostException lost = Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Equal(LostReason.Expired, lost.Reason);
        Assert.True(handle.LostToken.IsCancellationRequested);
    }

    [Fact]
    public async Task The_alarm_notices_a_suspended_machine_within_a_second()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(30)));
        CancellationToken token = handle.LostToken;
        Time.Suspend(Seconds(31));
        Time.Advance(Seconds(1));
        Assert.True(token.IsCancellationRequested);
    }

    [Fact]
    public async Task MaxHold_is_exact_no_renewal_reaches_beyond_it()
    {
        ILockHandle handle = await Locks.LockAsync("k", new LockOptions { MaxHold = Seconds(45) });
        CancellationToken token = handle.LostToken;
        Time.Advance(Seconds(10));
        await Eventually.TrueAsync(() => Store.Extends == 1 && handle.Remaining > Seconds(29), "the first renewal, for the whole ttl");
        // In two steps: the next renewal is due by an alarm that is set when this one is over, a moment after its answer.
        await AdvanceSlowlyAsync(Seconds(10), Seconds(5));
        await Eventually.TrueAsync(() => Store.Extends == 2 && handle.Remaining > Seconds(24), "the second, for what is left of maxHold");
        Assert.Equal(Seconds(25), Store.RemainingOf("k"));
        await AdvanceSlowlyAsync(Seconds(24), Seconds(1));
        Assert.False(token.IsCancellationRequested);
        Time.Advance(Seconds(0.75));
        Assert.True(token.IsCancellationRequested);
        Assert.Equal(2, Store.Extends);
        Assert.Equal(LostReason.MaxHoldReached, handle.LostReason);
        Assert.Equal(handle.Id, Store.HolderOf("k"));
        Time.Advance(Seconds(0.25));
        Assert.Null(Store.HolderOf("k"));
    }

    [Fact]
    public async Task MaxHold_caps_a_lease_without_expiry_and_an_extension()
    {
        ILockHandle handle = await Locks.LockAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan, MaxHold = Seconds(5) });
        Assert.Equal(Seconds(5), Store.RemainingOf("k"));
        Time.Advance(Seconds(2));
        await handle.ExtendAsync(Seconds(60));
        Assert.Equal(Seconds(3), Store.RemainingOf("k"));
        Time.Advance(Seconds(3));
        Assert.Equal(LostReason.MaxHoldReached, handle.LostReason);
    }

    [Fact]
    public async Task Extend_returns_the_handle_with_the_new_validity()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(3)));
        Time.Advance(Seconds(2));
        Assert.Same(handle, await handle.ExtendAsync(Seconds(10)));
        Assert.True(handle.Remaining > Seconds(9));
        Time.Advance(Seconds(9));
        handle.ThrowIfLost();
        Time.Advance(Seconds(1));
        await Assert.ThrowsAsync<LockLostException>(async () => await handle.ExtendAsync(Seconds(10)));
        Assert.False(await handle.TryExtendAsync(Seconds(10)));
    }

    [Fact]
    public async Task A_shortening_extend_without_an_answer_counts_as_applied()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(60)));
        Store.OnExtend = (_, _, _, _) => throw Transient();
        await Assert.ThrowsAsync<LockStoreException>(async () => await handle.ExtendAsync(Seconds(1)));
        Assert.True(handle.Remaining <= Seconds(1));
        Time.Advance(Seconds(1));
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }

    [Fact]
    public async Task Requests_that_change_the_ttl_go_one_at_a_time()
    {
        var renewal = new Hang<StoreReply>();
        Store.OnExtend = (_, _, _, token) => renewal.UntilCancelledAsync(token);
        ILockHandle handle = await Locks.LockAsync("k");
        Time.Advance(Seconds(10));
        await renewal.Begun;
        Store.OnExtend = null;
        Task<ILockHandle> extension = handle.ExtendAsync(Seconds(5)).AsTask();
        await Eventually.SettleAsync();
        Assert.False(extension.IsCompleted);
        Assert.Equal(1, Store.Extends);
        renewal.End(StoreReply.Done);
        await extension;
        Assert.Equal(2, Store.Extends);
        Assert.Equal(Seconds(5), Store.RemainingOf("k"));
    }

    [Fact]
    public async Task A_log_that_throws_takes_no_outcome_away()
    {
        using var log = new ThrowingLogger();
        await using var locks = new StoreLock(Store, null, "ns", new LockProviderContext(Time, log));
        ILockHandle released = await locks.LockAsync("k");
        ILockHandle unanswered = await locks.LockAsync("other", new LockOptions { ReleaseTimeout = Seconds(1) });
        log.Throws = true;
        Assert.Equal(UnlockOutcome.Released, await released.UnlockAsync());
        Store.OnRelease = (_, _, _) => throw new ArgumentException("odd");
        Assert.Equal(UnlockOutcome.Unknown, await unanswered.UnlockAsync());
        log.Throws = false;
        Store.OnRelease = null;
    }

    [Fact]
    public async Task A_dropped_handle_stops_renewing_and_says_so()
    {
        string id = await TakeAndDropAsync();
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return Logs.Messages.Any(m => m.Contains("dropped", StringComparison.Ordinal) && m.Contains(id, StringComparison.Ordinal));
            },
            "the log line");
        await AdvanceSlowlyAsync(Seconds(30), Seconds(5));
        Assert.Equal(0, Store.Extends);
        Assert.Null(Store.HolderOf("k"));
    }

    [Fact]
    public async Task A_lease_without_expiry_is_checked_now_and_then()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Timeout.InfiniteTimeSpan));
        Assert.Equal(TimeSpan.MaxValue, handle.Remaining);
        Assert.Equal(Timeout.InfiniteTimeSpan, Store.RemainingOf("k"));
        CancellationToken token = handle.LostToken;
        await AdvanceSlowlyAsync(Seconds(35), Seconds(5));
        Assert.False(token.IsCancellationRequested);
        Store.Remove("k");
        Time.Advance(Seconds(10));
        await Eventually.TrueAsync(() => token.IsCancellationRequested, "the loss is noticed");
        Assert.Equal(LostReason.Removed, handle.LostReason);
    }

    [Fact]
    public async Task A_loss_that_the_store_announces_reaches_its_handle_only()
    {
        ILockHandle first = await Locks.LockAsync("a");
        ILockHandle second = await Locks.LockAsync("b");
        Store.Lose("a", first.Id, LostReason.Forced);
        Assert.True(first.LostToken.IsCancellationRequested);
        Assert.Equal(LostReason.Forced, first.LostReason);
        Assert.False(second.LostToken.IsCancellationRequested);
        Store.Lose(null, null, LostReason.SessionLost);
        Assert.Equal(LostReason.SessionLost, second.LostReason);
    }

    [Fact]
    public async Task Force_tells_the_holder_of_this_process()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Assert.True(await Locks.ForceUnlockAsync("k"));
        Assert.Equal(LostReason.Forced, handle.LostReason);
        Assert.False(await Locks.ForceUnlockAsync("k"));
    }

    [Fact]
    public async Task A_loss_that_the_store_announces_before_the_handle_exists_is_not_missed()
    {
        Store.OnAcquire = (request, step, _) =>
        {
            AcquireReply reply = step();
            Store.OnAcquire = null;
            Store.Remove("k");
            Store.Lose("k", request.HolderId, LostReason.Forced);
            return ValueTask.FromResult(reply);
        };
        Task<ILockHandle> call = Locks.LockAsync("k", Fixed(Seconds(600))).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(10), Seconds(5), "granted, the second time");
        await using ILockHandle handle = await call;
        Assert.Equal(handle.Id, Store.HolderOf("k"));
    }

    [Fact]
    public async Task Force_does_not_touch_who_was_granted_the_lock_after_it()
    {
        ILockHandle forced = await Locks.LockAsync("k");
        ILockHandle? next = null;
        Store.OnRelease = async (_, step, token) =>
        {
            StoreReply reply = step();
            Store.OnRelease = null;
            next = await Locks.LockAsync("k", token);
            return reply;
        };
        Assert.True(await Locks.ForceUnlockAsync("k"));
        Assert.Equal(LostReason.Forced, forced.LostReason);
        Assert.Null(next!.LostReason);
        Assert.Equal(next.Id, Store.HolderOf("k"));
    }

    [Fact]
    public async Task L47_An_exception_that_no_store_should_throw_from_a_renewal_is_a_doubt_as_any_other()
    {
        Store.OnExtend = (_, _, _, _) => throw new ArgumentException("odd");
        ILockHandle handle = await Locks.LockAsync("k");
        Time.Advance(Seconds(10));
        await Eventually.TrueAsync(() => Store.Extends == 1, "a renewal");
        for (int i = 0; i < 20; i++)
        {
            await Eventually.SettleAsync();
            Time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.Equal(1, Store.Extends);
        Assert.Contains(Logs.Messages, m => m.Contains("'renew'", StringComparison.Ordinal));
        Store.OnExtend = null;
        await AdvanceSlowlyAsync(Seconds(2), Seconds(0.5));
        await Eventually.TrueAsync(() => handle.Remaining > Seconds(27), "the renewal is counted");
    }

    [Fact]
    public async Task An_extension_by_id_that_meets_an_unlock_is_refused_not_an_error()
    {
        var renewal = new Hang<StoreReply>();
        Store.OnExtend = (_, _, _, token) => renewal.UntilCancelledAsync(token);
        ILockHandle handle = await Locks.LockAsync("k");
        Time.Advance(Seconds(10));
        await renewal.Begun;
        Task<bool> extension = Locks.TryExtendAsync("k", handle.Id, Seconds(5)).AsTask();
        await handle.UnlockAsync();
        Assert.False(await Eventually.DoneAsync(extension, "the extension ends"));
    }

    [Fact]
    public async Task The_lost_token_reads_the_clock_when_it_is_asked_for()
    {
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(3)));
        Time.Suspend(Seconds(4)); // no timer has run
        Assert.True(handle.LostToken.IsCancellationRequested);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private async Task<string> TakeAndDropAsync() => (await Locks.LockAsync("k")).Id;
}
