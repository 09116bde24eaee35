using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>Spans that are allowed, but longer than a timer can count (49.7 days).</summary>
public sealed class LongSpansTests : EngineTest
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(10_000);

    [Fact]
    public async Task A_caller_waits_for_its_turn_longer_than_timers_can_count_and_leaves_nothing_behind()
    {
        Store.HoldElsewhere("k", s_longest);
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> head = Locks.LockAsync("k", new LockOptions { RetryDelay = TimeSpan.FromDays(60) }, stop.Token).AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 1 && Time.ArmedTimers > 0, "the head waits");
        Task<ILockHandle?> queued = Locks.TryLockAsync("k", new LockOptions { WaitTimeout = TimeSpan.FromDays(60) }).AsTask();
        for (int day = 0; day < 55; day += 5)
        {
            Time.Advance(TimeSpan.FromDays(5));
            await Eventually.SettleAsync();
            Assert.False(queued.IsCompleted);
        }

        await Time.AdvanceUntilAsync(() => queued.IsCompleted, TimeSpan.FromDays(1), TimeSpan.FromDays(10), "the end of its wait");
        Assert.Null(await queued);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => head);
        Assert.Equal(0, Locks.Turns.Count);
    }

    [Fact]
    public async Task The_largest_retry_count_and_the_longest_delay_wait_for_ever()
    {
        var options = new LockOptions { RetryCount = int.MaxValue, RetryDelay = s_longest, RetryJitter = TimeSpan.Zero };
        Store.HoldElsewhere("k", s_longest);
        Task<ILockHandle> head = Locks.LockAsync("k", options).AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 1, "the head contends");
        Task<ILockHandle> queued = Locks.LockAsync("k", options).AsTask();
        await Eventually.SettleAsync();
        Assert.False(head.IsCompleted);
        Assert.False(queued.IsCompleted);
        Store.Remove("k");
        Locks.Turns.Nudge("k");
        await using (await Eventually.DoneAsync(head, "the head has it"))
            Assert.False(queued.IsCompleted);
        await using ILockHandle last = await Eventually.DoneAsync(queued, "the next has it");
    }

    [Fact]
    public async Task The_longest_release_timeout_releases()
    {
        ILockHandle handle = await Locks.LockAsync("k", new LockOptions { ReleaseTimeout = s_longest });
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(Store.HolderOf("k"));
    }

    [Fact]
    public async Task The_longest_lease_and_the_longest_wait_are_taken()
    {
        var options = new LockOptions { Ttl = s_longest, MaxHold = s_longest, WaitTimeout = s_longest, PollInterval = s_longest };
        await using ILockHandle handle = await Locks.LockAsync("k", options);
        Assert.InRange(handle.Remaining, s_longest * 0.98, s_longest);
        await handle.ExtendAsync(s_longest);
        Assert.False(handle.LostToken.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_that_its_drift_leaves_nothing_of_is_refused_and_not_asked_for_in_vain_for_ever()
    {
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () =>
            await Locks.LockAsync("k", Fixed(TimeSpan.FromMilliseconds(2))));
        Assert.Contains("lockOptions.ttl", error.Message, StringComparison.Ordinal);
        Assert.Contains("2 ms", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(
            async () => await Locks.TryLockAsync("k", new LockOptions { MaxHold = TimeSpan.FromMilliseconds(1) }));
        Assert.Empty(Store.Steps);
        await using ILockHandle shortest = await Locks.LockAsync("k", Fixed(TimeSpan.FromMilliseconds(3)));
    }
}
