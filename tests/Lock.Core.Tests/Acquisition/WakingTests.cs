using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>What wakes the contender of a process, and what that costs.</summary>
public sealed class WakingTests : EngineTest
{
    private static readonly LockOptions s_hourly =
        new() { RetryCount = 3, RetryDelay = TimeSpan.FromHours(1), RetryJitter = TimeSpan.Zero };

    [Fact]
    public async Task A_release_between_the_busy_answer_and_the_pause_is_not_missed()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Store.OnAcquire = async (_, step, _) =>
        {
            AcquireReply busy = step();
            Store.OnAcquire = null;
            await handle.UnlockAsync();
            return busy;
        };
        Task<ILockHandle> next = Locks.LockAsync("k", new LockOptions { RetryDelay = TimeSpan.FromHours(1) }).AsTask();
        await using ILockHandle granted = await Eventually.DoneAsync(next, "no clock was moved");
    }

    [Fact]
    public async Task A_release_in_this_process_costs_no_attempt()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Task<ILockHandle> next = Locks.LockAsync("k", s_hourly).AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 2 && Time.ArmedTimers > 1, "the next pauses");
        Store.OnRelease = (_, step, _) =>
        {
            StoreReply reply = step();
            Store.HoldElsewhere("k", Timeout.InfiniteTimeSpan);
            return ValueTask.FromResult(reply);
        };
        await handle.UnlockAsync();
        await Eventually.TrueAsync(() => Store.Acquires == 3, "woken, in vain");
        Store.OnRelease = null;
        Store.Remove("k");
        Locks.Turns.Nudge("k");
        await using ILockHandle granted = await Eventually.DoneAsync(next, "woken again");
        Assert.Equal(1, granted.AcquiredOnAttempt);
    }

    [Fact]
    public async Task A_grant_without_a_token_is_kept_although_the_backend_keeps_a_queue()
    {
        Store.OnAcquire = (_, step, _) =>
        {
            step();
            return ValueTask.FromResult(AcquireReply.Granted(null));
        };
        await using var fair = new StoreLock(new Queueing(Store), context: new LockProviderContext(Time, Logs));
        ILockHandle handle = await fair.LockAsync("k");
        Assert.Null(handle.FencingToken);
        await Eventually.SettleAsync();
        Assert.Equal(0, Store.Releases);
        Assert.Equal(handle.Id, Store.HolderOf("k"));
    }

    [Fact]
    public async Task A_watch_that_comes_after_its_caller_has_left_is_closed()
    {
        var late = new Hang<IReleaseWatch>();
        await using StoreLock locks = Watched(_ => late.DeafAsync());
        Store.HoldElsewhere("k", Seconds(600));
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> call = locks.LockAsync("k", stop.Token).AsTask();
        await late.Begun;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        var watch = new ScriptedWatch();
        late.End(watch);
        await Eventually.TrueAsync(() => watch.IsDisposed, "nobody listens, nobody pays");
    }

    [Fact]
    public async Task A_watch_that_fails_is_closed_and_the_call_polls()
    {
        var watch = new ScriptedWatch { OnWait = (_, _) => throw new InvalidDataException("the connection is gone") };
        int watches = 0;
        await using StoreLock locks = Watched(_ => ++watches == 1 ? ValueTask.FromResult<IReleaseWatch>(watch) : throw Transient());
        Store.HoldElsewhere("k", Seconds(600));
        Task<ILockHandle> call = locks.LockAsync("k").AsTask();
        await Time.AdvanceUntilAsync(() => Store.Acquires > 3, TimeSpan.FromMilliseconds(50), Seconds(10), "polling");
        Assert.True(watch.IsDisposed);
        Store.Remove("k");
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(50), Seconds(10), "granted");
        await (await call).DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_watch_that_hangs_or_fails_when_it_is_closed_takes_no_lock_from_its_caller(bool hangs)
    {
        var watch = new ScriptedWatch
        {
            OnWait = (_, _) =>
            {
                Store.Remove("k");
                return ValueTask.FromResult(true);
            },
            OnDispose = () => hangs ? new ValueTask(new TaskCompletionSource().Task) : throw new InvalidDataException("odd"),
        };
        await using StoreLock locks = Watched(_ => ValueTask.FromResult<IReleaseWatch>(watch));
        Store.HoldElsewhere("k", Seconds(600));
        ILockHandle handle = await Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "granted");
        Assert.Equal(handle.Id, Store.HolderOf("k"));
        await handle.DisposeAsync();
    }

    private StoreLock Watched(Func<CancellationToken, ValueTask<IReleaseWatch>> watch) =>
        new(new WatchedStore(Store, watch), context: new LockProviderContext(Time, Logs));

    private sealed class Queueing(ILockStore inner) : DelegatingLockStore(inner), IQueueingStore
    {
        public override bool IsQueueing => true;
    }
}
