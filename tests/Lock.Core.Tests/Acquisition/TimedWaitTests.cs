using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>A wait ends when it was told to, whatever the backend is doing.</summary>
public sealed class TimedWaitTests : EngineTest
{
    private static readonly LockOptions s_wait = new() { WaitTimeout = Seconds(0.3) };
    private static readonly TimeSpan s_end = Seconds(0.3) + TimedCall.LastWord;

    [Fact]
    public async Task L03_A_backend_that_was_silent_before_is_a_fault_when_the_wait_is_over()
    {
        var hang = new Hang<AcquireReply>();
        Func<AcquireReply>? late = null;
        Store.OnAcquire = (_, step, _) =>
        {
            late = step;
            return hang.DeafAsync();
        };
        Task<ILockHandle> call = Locks.LockAsync("k", s_wait).AsTask();
        await hang.Begun;
        Time.Advance(Seconds(0.3));
        await Eventually.SettleAsync();
        Assert.False(call.IsCompleted);
        Time.Advance(TimedCall.LastWord);
        LockStoreException fault = await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(() => call), "the call ends");
        Assert.True(fault.IsTransient);
        Assert.Contains("300 ms", fault.Message, StringComparison.Ordinal);

        // What it brings is given back.
        hang.End(late!());
        await Eventually.TrueAsync(() => Store.HolderOf("k") is null && Store.Releases >= 1, "the late grant is given back");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task L03_A_backend_that_is_silent_since_it_said_busy_is_busy_when_the_wait_is_over(bool isTry)
    {
        Store.HoldElsewhere("k", Seconds(600));
        var hang = new Hang<AcquireReply>();
        Store.OnAcquire = (_, step, _) => Store.Acquires == 1 ? ValueTask.FromResult(step()) : hang.DeafAsync();
        Task<ILockHandle?> call = isTry ? Locks.TryLockAsync("k", s_wait).AsTask() : WaitAsync();
        await Eventually.TrueAsync(() => Store.Acquires == 1, "an answer");
        await Time.AdvanceUntilAsync(() => Store.Acquires == 2, TimeSpan.FromMilliseconds(5), Seconds(0.29), "asked again");
        Time.Advance(s_end);
        if (isTry)
            Assert.Null(await Eventually.DoneAsync(call, "the call ends"));
        else
            Assert.True((await Eventually.DoneAsync(Assert.ThrowsAsync<LockTimeoutException>(() => call), "the call ends"))
                .Waited >= Seconds(0.3));

        async Task<ILockHandle?> WaitAsync() => await Locks.LockAsync("k", s_wait);
    }

    [Fact]
    public async Task L03_A_caller_in_line_behind_one_that_hangs_ends_on_time_too_and_the_line_goes_on()
    {
        var hang = new Hang<AcquireReply>();
        Store.OnAcquire = (_, step, _) => Store.Acquires == 1 ? hang.DeafAsync() : ValueTask.FromResult(step());
        Task<ILockHandle> first = Locks.LockAsync("k", s_wait).AsTask();
        await hang.Begun;
        Task<ILockHandle> second = Locks.LockAsync("k", s_wait).AsTask();
        Task<ILockHandle> patient = Locks.LockAsync("k").AsTask();
        Time.Advance(s_end);
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(() => first), "the first ends");
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockTimeoutException>(() => second), "the second ends");
        await using ILockHandle handle = await Eventually.DoneAsync(patient, "the next one in line");
    }

    [Fact]
    public async Task L03_A_caller_in_line_behind_one_whose_backend_fails_hears_of_the_fault()
    {
        Store.OnAcquire = (_, _, _) => throw Transient();
        Task<ILockHandle> first = Locks.LockAsync("k").AsTask();
        await Eventually.TrueAsync(() => Store.Acquires >= 1, "the first one fails");
        Task<ILockHandle> second = Locks.LockAsync("k", s_wait).AsTask();
        Time.Advance(s_end);
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(() => second), "the second ends");
        Store.OnAcquire = null;
        await Time.AdvanceUntilAsync(() => first.IsCompleted, Seconds(0.1), Seconds(10), "granted");
        await (await first).DisposeAsync();
    }

    [Fact]
    public async Task L03_A_store_that_waits_is_held_to_the_wait_and_what_it_reported_decides()
    {
        var hang = new Hang<AcquireReply>();
        await using var locks = new StoreLock(
            new QueueingStore(Store, (request, _, _) =>
            {
                if (request.Key == "busy")
                    request.Progress!.OnQueued();
                return hang.DeafAsync();
            }),
            null, "ns", new LockProviderContext(Time, Logs));
        Task<ILockHandle> busy = locks.LockAsync("busy", s_wait).AsTask();
        Task<ILockHandle> silent = locks.LockAsync("silent", s_wait).AsTask();
        await hang.Begun;
        Time.Advance(s_end);
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockTimeoutException>(() => busy), "busy");
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(() => silent), "nothing was heard");
    }

    [Fact]
    public async Task L31_The_attempts_of_a_wait_in_a_line_are_counted_also_when_the_line_is_late_to_end_it()
    {
        Store.HoldElsewhere("k", Seconds(600));
        var hang = new Hang<AcquireReply>();
        await using var locks = new StoreLock(
            new QueueingStore(Store, (request, _, _) =>
            {
                request.Progress!.OnQueued();
                return hang.DeafAsync();
            }),
            null, "ns", new LockProviderContext(Time, Logs));
        var few = new LockOptions { RetryCount = 3, RetryDelay = Seconds(0.1), RetryJitter = TimeSpan.Zero };
        Task<ILockHandle> first = locks.LockAsync("k", few).AsTask();
        Task<ILockHandle> behind = locks.LockAsync("k", few).AsTask(); // in the line of this process
        await hang.Begun;
        Time.Advance(s_end);
        foreach (Task<ILockHandle>? call in new[] { first, behind })
            Assert.Equal(4, (await Eventually.DoneAsync(Assert.ThrowsAsync<LockTimeoutException>(() => call), "the call ends")).Attempts);
    }

    [Fact]
    public async Task A_wait_shorter_than_the_way_to_the_backend_gets_its_first_answer()
    {
        var hang = new Hang<AcquireReply>();
        Store.OnAcquire = (_, _, _) => hang.DeafAsync();
        Task<ILockHandle?> call = Locks.TryLockAsync("k", new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(1) }).AsTask();
        await hang.Begun;
        Time.Advance(TimedCall.FirstAnswer - TimeSpan.FromMilliseconds(1));
        await Eventually.SettleAsync();
        hang.End(AcquireReply.Busy(null));
        Assert.Null(await Eventually.DoneAsync(call, "the answer counts"));
    }
}
