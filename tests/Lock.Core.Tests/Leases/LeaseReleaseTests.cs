using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>How a lease is given back: once, with the first outcome, and unknown where no answer came in time.</summary>
public sealed class LeaseReleaseTests : EngineTest
{
    [Fact]
    public async Task Releasing_stops_the_renewal_in_flight()
    {
        var renewal = new Hang<StoreReply>();
        Store.OnExtend = (_, _, _, token) => renewal.UntilCancelledAsync(token);
        ILockHandle handle = await Locks.LockAsync("k");
        Time.Advance(Seconds(10));
        await renewal.Begun;
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(handle.LostReason);
        Assert.False(handle.LostToken.IsCancellationRequested);
        Time.Advance(Seconds(60));
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.Equal(1, Store.Extends);
    }

    [Fact]
    public async Task Unlock_asked_twice_gives_the_first_outcome_again()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        await using ILockHandle second = await Locks.LockAsync("k");
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Equal(second.Id, Store.HolderOf("k"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await handle.ExtendAsync(Seconds(1)));
        Assert.Throws<ObjectDisposedException>(handle.ThrowIfLost);
    }

    [Fact]
    public async Task An_unlock_without_an_answer_is_repeated_and_the_lost_reply_counts_as_released()
    {
        int calls = 0;
        Store.OnRelease = (_, step, _) =>
        {
            StoreReply reply = step();
            return ++calls == 1 ? throw Transient() : ValueTask.FromResult(reply);
        };
        ILockHandle handle = await Locks.LockAsync("k");
        Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
        await Eventually.TimersArmedAsync(Time);
        await Eventually.TrueAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromMilliseconds(50));
                return unlock.IsCompleted;
            },
            "the unlock ends");
        Assert.Equal(UnlockOutcome.Released, await unlock);
        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task An_unlock_that_is_never_answered_is_unknown_after_the_release_timeout_and_goes_on_in_the_background()
    {
        bool fail = true;
        Store.OnRelease = (_, step, _) =>
            Volatile.Read(ref fail) ? throw Transient(mayHaveBeenApplied: false) : ValueTask.FromResult(step());
        ILockHandle handle = await Locks.LockAsync("k", new LockOptions { ReleaseTimeout = Seconds(3), Ttl = Timeout.InfiniteTimeSpan });
        Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
        await Eventually.TrueAsync(
            () =>
            {
                Time.Advance(Seconds(0.5));
                return unlock.IsCompleted;
            },
            "the unlock ends");
        Assert.Equal(UnlockOutcome.Unknown, await unlock);
        Assert.Equal(handle.Id, Store.HolderOf("k"));
        Volatile.Write(ref fail, false);
        await Eventually.TrueAsync(
            () =>
            {
                Time.Advance(Seconds(5));
                return Store.HolderOf("k") is null;
            },
            "the background release");
    }

    [Fact]
    public async Task A_release_that_hangs_in_a_store_that_listens_to_nothing_is_unknown_exactly_at_the_release_timeout()
    {
        var hang = new Hang<StoreReply>();
        Store.OnRelease = (_, _, _) => hang.DeafAsync();
        ILockHandle handle = await Locks.LockAsync("k", new LockOptions { ReleaseTimeout = Seconds(3) });
        Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
        await hang.Begun;
        Time.Advance(Seconds(3) - TimeSpan.FromMilliseconds(1));
        await Eventually.SettleAsync();
        Assert.False(unlock.IsCompleted);
        Store.OnRelease = null;
        Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(UnlockOutcome.Unknown, await Eventually.DoneAsync(unlock, "the unlock ends"));
        await Eventually.TrueAsync(() => Store.Releases == 2 && Store.HolderOf("k") is null, "it goes on in the background");
        hang.Fail(Transient()); // nobody hears it
    }

    [Fact]
    public async Task The_limit_of_a_release_that_hangs_is_not_brought_forward_by_a_wall_clock_that_jumps()
    {
        var hang = new Hang<StoreReply>();
        Store.OnRelease = (_, _, _) => hang.DeafAsync();
        ILockHandle handle = await Locks.LockAsync("k", new LockOptions { ReleaseTimeout = Seconds(3) });
        Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
        await hang.Begun;
        Time.AdvanceWallClock(Seconds(60)); // every alarm is asked to look
        Time.Advance(Seconds(1));
        await Eventually.SettleAsync();
        Assert.False(unlock.IsCompleted);
        hang.End(StoreReply.Done);
        Assert.Equal(UnlockOutcome.Released, await Eventually.DoneAsync(unlock, "the unlock ends"));
    }

    [Fact]
    public async Task Unlock_asked_again_while_the_first_request_is_still_being_sent_waits_for_its_outcome()
    {
        using var sending = new ManualResetEventSlim();
        using var maySend = new ManualResetEventSlim();
        Store.OnRelease = (_, step, _) =>
        {
            sending.Set();
            maySend.Wait(CancellationToken.None);
            return ValueTask.FromResult(step());
        };
        ILockHandle handle = await Locks.LockAsync("k");
        Task<UnlockOutcome> first = Task.Run(async () => await handle.UnlockAsync());
        sending.Wait();
        Task<UnlockOutcome> second = handle.UnlockAsync().AsTask();
        Task third = handle.DisposeAsync().AsTask();
        Assert.False(second.IsCompleted);
        maySend.Set();
        Assert.Equal(UnlockOutcome.Released, await Eventually.DoneAsync(first, "the first"));
        Assert.Equal(UnlockOutcome.Released, await Eventually.DoneAsync(second, "the second"));
        await Eventually.DoneAsync(third, "the disposal");
        Assert.Equal(1, Store.Releases);
    }

    [Fact]
    public async Task A_release_without_an_answer_is_not_called_released_once_the_ttl_may_have_done_it()
    {
        Store.OnRelease = (_, _, _) => throw Transient();
        ILockHandle handle = await Locks.LockAsync("k", Fixed(Seconds(3)) with { ReleaseTimeout = Seconds(60) });
        Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
        await Time.AdvanceUntilAsync(() => Store.HolderOf("k") is null, Seconds(0.1), Seconds(10), "the ttl has passed");
        Store.HoldElsewhere("k", Seconds(600));
        Store.OnRelease = null;
        await Time.AdvanceUntilAsync(() => unlock.IsCompleted, Seconds(0.1), Seconds(10), "the backend answers");
        Assert.Equal(UnlockOutcome.Unknown, await unlock);
    }
}
