using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>What becomes of requests whose answer is late, or never comes.</summary>
public sealed class UnansweredTests : EngineTest
{
    [Fact]
    public async Task L45_A_lost_reply_is_asked_for_again_with_the_same_id_and_adopted()
    {
        var ids = new List<string>();
        Store.OnAcquire = (request, step, _) =>
        {
            ids.Add(request.HolderId);
            AcquireReply reply = step();
            return ids.Count == 1 ? throw Transient() : ValueTask.FromResult(reply);
        };
        ILockHandle? handle = await Locks.TryLockAsync("k");
        Assert.NotNull(handle);
        Assert.Equal(2, ids.Count);
        Assert.Equal(ids[0], ids[1]);
        Assert.Equal(ids[0], handle.Id);
        Assert.Equal(0, Store.Releases);
    }

    [Fact]
    public async Task L45_A_try_that_is_never_answered_throws_and_takes_back_what_it_may_have_taken()
    {
        Store.OnAcquire = (_, step, _) =>
        {
            step();
            throw Transient();
        };
        LockStoreException error = await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.TryLockAsync("k"));
        Assert.True(error.IsTransient);
        Assert.Equal(2, Store.Acquires);
        await Eventually.TrueAsync(() => Store.HolderOf("k") is null, "the lock is given back");
    }

    [Fact]
    public async Task A_store_without_locks_that_never_expire_says_so_when_nothing_of_the_try_is_left()
    {
        var mayAnswer = new TaskCompletionSource();
        Store.OnExtend = (_, _, _, _) => throw new ArgumentException("no such locks", "ttl");
        Store.OnRelease = async (_, step, _) =>
        {
            await mayAnswer.Task;
            return step();
        };
        Task<ILockHandle> call = Locks.LockAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan }).AsTask();
        await Eventually.TrueAsync(() => Store.Releases == 1, "the try is taken back");
        Assert.False(call.IsCompleted);
        mayAnswer.SetResult();
        await Assert.ThrowsAsync<ArgumentException>(() => call);
        Assert.Null(Store.HolderOf("k"));
    }

    [Fact]
    public async Task A_request_that_was_never_sent_leaves_nothing_to_clean_up()
    {
        Store.OnAcquire = (_, _, _) => throw Transient(mayHaveBeenApplied: false);
        await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.TryLockAsync("k"));
        Assert.Equal(1, Store.Acquires);
        Assert.Equal(0, Store.Releases);
    }

    [Fact]
    public async Task L45_Cancelling_a_request_in_flight_is_prompt_and_takes_back_what_it_may_have_taken()
    {
        var hang = new Hang<AcquireReply>();
        Store.OnAcquire = (_, step, token) =>
        {
            step();
            return hang.UntilCancelledAsync(token);
        };
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> call = Locks.LockAsync("k", stop.Token).AsTask();
        await hang.Begun;
        await stop.CancelAsync();
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(stop.Token, cancelled.CancellationToken);
        await Eventually.TrueAsync(() => Store.HolderOf("k") is null, "the lock is given back");
    }

    [Fact]
    public async Task A_store_that_blocks_in_the_cancellation_holds_up_no_caller()
    {
        using var open = new ManualResetEventSlim();
        using var stop = new CancellationTokenSource();
        ILockHandle handle = await Locks.LockAsync("held");
        Store.OnAcquire = (_, _, token) =>
        {
            token.Register(open.Wait);
            return new Hang<AcquireReply>().DeafAsync();
        };
        Store.OnExtend = (_, _, _, token) =>
        {
            token.Register(open.Wait);
            return new Hang<StoreReply>().DeafAsync();
        };
        Task<ILockHandle> call = Locks.LockAsync("k", null, stop.Token).AsTask();
        using var stopExtension = new CancellationTokenSource();
        Task<bool> extension = handle.TryExtendAsync(Seconds(20), stopExtension.Token).AsTask();
        var cancellations = Task.WhenAll(Task.Run(stop.Cancel), Task.Run(stopExtension.Cancel));
        try
        {
            await Eventually.DoneAsync(Assert.ThrowsAnyAsync<OperationCanceledException>(() => call), "the call ends");
            await Eventually.DoneAsync(Assert.ThrowsAnyAsync<OperationCanceledException>(() => extension), "the extension ends");
        }
        finally
        {
            open.Set();
            await cancellations;
        }

        Store.OnExtend = null;
        Assert.True(await handle.TryExtendAsync(Seconds(20)));
    }

    [Fact]
    public async Task L45_A_store_that_does_not_listen_is_left_behind_and_its_late_grant_given_back()
    {
        var hang = new Hang<AcquireReply>();
        Func<AcquireReply>? late = null;
        Store.OnAcquire = (_, step, _) =>
        {
            late = step;
            return hang.DeafAsync();
        };
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> call = Locks.LockAsync("k", stop.Token).AsTask();
        await hang.Begun;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.TrueAsync(() => Store.Releases == 1, "the first release");
        hang.End(late!());
        await Eventually.TrueAsync(() => Store.Releases == 2 && Store.HolderOf("k") is null, "the late grant is given back");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_wait_that_is_left_behind_may_queue_after_its_release_and_is_released_once_more_however_it_ends(bool fails)
    {
        var hang = new Hang<AcquireReply>();
        await using var locks = new StoreLock(
            new QueueingStore(Store, (_, _, _) => hang.DeafAsync()), null, "ns", new LockProviderContext(Time, Logs));
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> call = locks.LockAsync("k", stop.Token).AsTask();
        await hang.Begun;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.TrueAsync(() => Store.Releases == 1, "the first release");

        // Now the store does what it was asked: it puts the waiter into its line, or had done so when it fails.
        if (fails)
            hang.Fail(Transient());
        else
            hang.End(AcquireReply.Busy(null));
        await Eventually.TrueAsync(() => Store.Releases == 2, "the place is given back");
    }

    [Fact]
    public async Task What_may_have_been_taken_is_taken_back_beyond_the_ttl_too_since_a_place_in_a_queue_outlives_it_but_not_for_ever()
    {
        TimeSpan ttl = Seconds(1);
        Store.OnAcquire = (_, _, _) => throw Transient();
        Store.OnRelease = (_, _, _) => throw Transient();
        await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.TryLockAsync("k", Fixed(ttl)));
        await Eventually.TrueAsync(() => Store.Releases >= 1, "the first release");
        await StepAsync(ttl * 2);
        int within = Store.Releases;
        for (int i = 0; i < 40 && Store.Releases < within + 2; i++)
            await StepAsync(Seconds(0.5));
        Assert.True(Store.Releases >= within + 2, "not asked again after the ttl");

        // It ends: from some look on, nothing is asked any more, however long one waits (in steps longer than the longest pause).
        await StepAsync(Seconds(40));
        int quiet = 0;
        for (int i = 0; i < 200 && quiet < 10; i++)
        {
            int before = Store.Releases;
            await StepAsync(Seconds(6));
            quiet = Store.Releases == before ? quiet + 1 : 0;
        }

        Assert.Equal(10, quiet);

        async Task StepAsync(TimeSpan by)
        {
            Time.Advance(by);
            await Eventually.SettleAsync();
        }
    }

    [Fact]
    public async Task L46_A_request_that_arrives_after_its_release_leaves_nothing_beyond_a_ttl_even_without_expiry()
    {
        Func<AcquireReply>? late = null;
        Store.OnAcquire = (_, step, _) =>
        {
            late = step;
            throw Transient();
        };
        await Assert.ThrowsAsync<LockStoreException>(
            async () => await Locks.TryLockAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan }));
        await Eventually.TrueAsync(() => Store.Releases == 1, "the release");
        late!();
        Assert.NotNull(Store.HolderOf("k"));
        Time.Advance(PermanentLocks.ProvisionalTtl);
        Assert.Null(Store.HolderOf("k"));
    }

    [Fact]
    public async Task L48_A_grant_that_comes_too_late_is_given_back_and_does_not_count()
    {
        Store.OnAcquire = (_, step, _) =>
        {
            AcquireReply reply = step();
            Time.Advance(Seconds(4));
            return ValueTask.FromResult(reply);
        };
        LockStoreException fault =
            await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.TryLockAsync("k", Fixed(Seconds(4))));
        Assert.True(fault.IsTransient);
        Assert.Contains("came after 4000 ms, when nothing was left of its ttl of 4000 ms", fault.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => Store.Releases == 1, "the release");
        Assert.Contains(Logs.Messages, m => m.Contains("too late", StringComparison.Ordinal));
    }

    [Fact]
    public async Task L48_Who_is_answered_busy_after_a_late_grant_is_told_busy()
    {
        Store.OnAcquire = (_, step, _) =>
        {
            AcquireReply reply = step();
            Time.Advance(Seconds(4));
            Store.OnAcquire = null;
            Store.HoldElsewhere("k", Seconds(3600));
            return ValueTask.FromResult(reply);
        };
        Task<ILockHandle?> call = Locks.TryLockAsync("k", Fixed(Seconds(4)) with { WaitTimeout = Seconds(6) }).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(10), Seconds(10), "the end of the wait");
        Assert.Null(await call);
    }

    [Fact]
    public async Task L48_A_wait_that_ends_with_a_late_grant_is_not_told_busy()
    {
        Store.OnAcquire = (_, step, _) =>
        {
            AcquireReply reply = step();
            Time.Advance(Seconds(4));
            return ValueTask.FromResult(reply);
        };
        Task<ILockHandle?> call = Locks.TryLockAsync("k", Fixed(Seconds(4)) with { WaitTimeout = Seconds(2) }).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(10), Seconds(10), "the end of the wait");
        await Assert.ThrowsAsync<LockStoreException>(() => call);
    }

    [Fact]
    public async Task L48_After_a_late_grant_a_waiting_call_goes_on_with_a_new_id()
    {
        var ids = new List<string>();
        Store.OnAcquire = (request, step, _) =>
        {
            ids.Add(request.HolderId);
            AcquireReply reply = step();
            if (ids.Count == 1)
                Time.Advance(Seconds(4));
            return ValueTask.FromResult(reply);
        };
        Task<ILockHandle> call = Locks.LockAsync("k", Fixed(Seconds(4))).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(10), Seconds(5), "granted");
        ILockHandle handle = await call;
        Assert.Equal(2, ids.Distinct().Count());
        Assert.Equal(ids[^1], handle.Id);
        Assert.Equal(handle.Id, Store.HolderOf("k"));
    }

    [Fact]
    public async Task A_waiter_survives_failures_of_a_backend_that_has_answered_it()
    {
        Store.HoldElsewhere("k", Seconds(3600));
        Task<ILockHandle> call = Locks.LockAsync("k").AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 1, "an answer");
        Store.OnAcquire = (_, _, _) => throw Transient();
        await Time.AdvanceUntilAsync(() => Store.Acquires > 60, Seconds(0.2), Seconds(300), "a minute of failures");
        Assert.False(call.IsCompleted);
        Store.OnAcquire = null;
        Store.Remove("k");
        await Time.AdvanceUntilAsync(() => call.IsCompleted, Seconds(0.2), Seconds(10), "granted");
        await (await call).DisposeAsync();
    }

    [Fact]
    public async Task A_backend_that_is_silent_from_the_start_is_reported()
    {
        Store.OnAcquire = (_, _, _) => throw Transient();
        Task<ILockHandle> call = Locks.LockAsync("k").AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, Seconds(0.1), Attempts.Patience + Seconds(2), "reported");
        Assert.True((await Assert.ThrowsAsync<LockStoreException>(() => call)).IsTransient);
        Assert.True(Store.Acquires > 3);
    }

    [Fact]
    public async Task A_fault_that_needs_a_person_is_reported_at_once()
    {
        Store.OnAcquire = (_, _, _) => throw new LockStoreException("wrong password", isTransient: false) { MayHaveBeenApplied = false };
        await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.LockAsync("k"));
        Assert.Equal(1, Store.Acquires);
    }

    [Fact]
    public async Task A_drivers_own_exception_is_wrapped()
    {
        Store.OnAcquire = (_, _, _) => ValueTask.FromException<AcquireReply>(new InvalidDataException("odd"));
        LockStoreException error = await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.LockAsync("k"));
        Assert.IsType<InvalidDataException>(error.InnerException);
        Store.OnAcquire = (_, _, _) => throw new InvalidDataException("odd, before the first await");
        error = await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.LockAsync("k"));
        Assert.IsType<InvalidDataException>(error.InnerException);
    }

    [Fact]
    public async Task The_second_step_of_a_lock_without_expiry_is_repeated_and_never_half_done()
    {
        int calls = 0;
        Store.OnExtend = (_, ttl, step, _) =>
        {
            Assert.Equal(Timeout.InfiniteTimeSpan, ttl);
            return ++calls == 1 ? throw Transient() : ValueTask.FromResult(step());
        };
        Task<ILockHandle> call = Locks.LockAsync("k", Fixed(Timeout.InfiniteTimeSpan)).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(10), Seconds(2), "granted");
        ILockHandle handle = await call;
        Assert.Equal(Timeout.InfiniteTimeSpan, Store.RemainingOf("k"));
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    }
}
