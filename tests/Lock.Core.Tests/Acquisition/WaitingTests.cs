using Locking.Conformance;

namespace Locking.Core.Tests;

public sealed class WaitingTests : EngineTest
{
    [Fact]
    public async Task Try_without_a_wait_makes_one_attempt()
    {
        Store.HoldElsewhere("k", Seconds(60));
        Assert.Null(await Locks.TryLockAsync("k"));
        Assert.Equal(1, Store.Acquires);
        Assert.Equal(0, Store.Releases);
    }

    [Fact]
    public async Task A_bare_time_is_the_wait_and_never_the_ttl()
    {
        foreach (Func<string, Task<ILockHandle?>> take in BareTime(Seconds(5)))
        {
            await using ILockHandle? handle = await take("free");
            Assert.InRange(handle!.Remaining, Seconds(25), Seconds(30));
        }

        Store.HoldElsewhere("busy", Seconds(600));
        Store.HoldElsewhere("ns:busy", Seconds(600));
        await using (BoundLock bound = Locks.Bind("busy", new LockOptions { RetryCount = 1_000_000 }))
            Assert.False(await WithTimeAsync(bound.LockAsync(Seconds(5)).AsTask()));
        foreach (Func<string, Task<ILockHandle?>> take in BareTime(Seconds(5)))
        {
            long began = Time.GetTimestamp();
            Exception? outcome = await WithTimeAsync(Record.ExceptionAsync(async () => Assert.Null(await take("busy"))));
            Assert.True(outcome is null or LockTimeoutException { Waited.TotalSeconds: >= 5 }, $"{outcome}");
            Assert.InRange(Time.GetElapsedTime(began), Seconds(5), Seconds(30));
        }

        async Task<T> WithTimeAsync<T>(Task<T> call)
        {
            await Time.AdvanceUntilAsync(() => call.IsCompleted, Seconds(0.1), Seconds(40), "the wait to end");
            return await call;
        }
    }

    [Fact]
    public async Task A_wait_out_of_range_is_refused()
    {
        foreach (Func<string, Task<ILockHandle?>> take in BareTime(Seconds(-5)))
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => take("k"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Locks.Bind("k").LockAsync(Seconds(-5)));
        Assert.Empty(Store.Steps);
    }

    [Fact]
    public async Task A_bound_lock_can_stand_in_the_namespace()
    {
        await using BoundLock bound = Locks.BindNs("k");
        Assert.True(await bound.LockAsync(Seconds(1)));
        Assert.Equal("ns:k", bound.Handle!.Key);
        await using var without = new StoreLock(new ScriptedStore(Time), context: new LockProviderContext(Time, Logs));
        Assert.Throws<InvalidOperationException>(() => without.BindNs("k"));
    }

    [Fact]
    public async Task Who_asks_for_notices_that_the_backend_does_not_give_is_refused()
    {
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () =>
            await Locks.LockAsync("k", new LockOptions { Wait = WaitMode.Notify }));
        Assert.Contains("lockOptions.wait", error.Message, StringComparison.Ordinal);
        await using ILockHandle handle = await Locks.LockAsync("k", new LockOptions { Wait = WaitMode.Poll });
    }

    [Fact]
    public async Task Lock_without_a_wait_throws_the_timeout_with_its_figures()
    {
        Store.HoldElsewhere("k", Seconds(60));
        LockTimeoutException timeout = await Assert.ThrowsAsync<LockTimeoutException>(
            async () => await Locks.LockAsync("k", new LockOptions { WaitTimeout = TimeSpan.Zero }));
        Assert.Equal("k", timeout.Key);
        Assert.Equal(1, timeout.Attempts);
        Assert.Equal(TimeSpan.Zero, timeout.Waited);
    }

    [Fact]
    public async Task RetryCount_n_makes_n_plus_one_attempts_retryDelay_apart()
    {
        Store.HoldElsewhere("k", Seconds(60));
        var options = new LockOptions { RetryCount = 3, RetryDelay = Seconds(0.2), RetryJitter = TimeSpan.Zero };
        Task<ILockHandle?> call = Locks.TryLockAsync("k", options).AsTask();
        for (int attempt = 1; attempt <= 3; attempt++)
        {
            int made = attempt;
            await Eventually.TrueAsync(() => Store.Acquires == made && Time.ArmedTimers > 1, $"attempt {attempt}");
            Time.Advance(Seconds(0.199));
            await Eventually.SettleAsync();
            Assert.Equal(attempt, Store.Acquires);
            Time.Advance(Seconds(0.001));
        }

        Assert.Null(await call);
        Assert.Equal(4, Store.Acquires);
    }

    [Fact]
    public async Task The_attempt_that_succeeds_is_counted_and_the_wait_is_measured()
    {
        Store.HoldElsewhere("k", Seconds(0.3));
        var options = new LockOptions { RetryCount = 9, RetryDelay = Seconds(0.2), RetryJitter = TimeSpan.Zero };
        Task<ILockHandle> call = Locks.LockAsync("k", options).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(1), Seconds(2), "granted");
        ILockHandle handle = await call;

        // Granted when the holder's lease ran out, at 300 ms: within the second attempt, and without waiting for its end.
        Assert.Equal(2, handle.AcquiredOnAttempt);
        Assert.InRange(handle.AcquireDelay, Seconds(0.3), Seconds(0.31));
    }

    [Fact]
    public async Task WaitTimeout_ends_the_wait_by_the_monotonic_clock()
    {
        Store.HoldElsewhere("k", Seconds(60));
        Task<ILockHandle?> call = Locks.TryLockAsync("k", new LockOptions { WaitTimeout = Seconds(1) }).AsTask();
        await Time.AdvanceUntilAsync(() => Store.Acquires >= 2, TimeSpan.FromMilliseconds(10), Seconds(0.9), "polling");
        Assert.False(call.IsCompleted);
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(10), Seconds(1), "the end");
        Assert.Null(await call);
    }

    [Fact]
    public async Task L07_Callers_of_one_process_are_served_in_order_with_one_contender_towards_the_store()
    {
        Store.HoldElsewhere("k", Seconds(600));
        int atOnce = 0;
        int most = 0;
        var ids = new HashSet<string>();
        Store.OnAcquire = async (request, step, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref atOnce));
            await Task.Yield();
            lock (ids)
                ids.Add(request.HolderId);
            AcquireReply reply = step();
            Interlocked.Decrement(ref atOnce);
            return reply;
        };
        var order = new List<int>();
        Task[] calls = Enumerable.Range(0, 20).Select(i => UseAsync(i)).ToArray();
        await Time.AdvanceUntilAsync(() => Store.Acquires >= 5, TimeSpan.FromMilliseconds(50), Seconds(10), "polling");
        lock (ids)
            Assert.Single(ids); // twenty wait, the head alone asks
        Store.Remove("k");
        await Time.AdvanceUntilAsync(() => calls.All(c => c.IsCompleted), TimeSpan.FromMilliseconds(50), Seconds(60), "all done");
        Assert.Equal(Enumerable.Range(0, 20), order);
        Assert.Equal(1, most);
        Assert.Equal(0, Locks.Turns.Count);

        async Task UseAsync(int number)
        {
            await using ILockHandle handle = await Locks.LockAsync("k");
            lock (order)
                order.Add(number);
        }
    }

    [Fact]
    public async Task Try_answers_at_once_when_somebody_of_this_process_waits()
    {
        Store.HoldElsewhere("k", Seconds(600));
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> waiter = Locks.LockAsync("k", stop.Token).AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 1 && Time.ArmedTimers > 0, "the first waits");
        Assert.Null(await Locks.TryLockAsync("k"));
        Assert.Equal(1, Store.Acquires);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiter);
    }

    [Fact]
    public async Task A_waiter_that_gives_up_passes_the_turn_on()
    {
        Store.HoldElsewhere("k", Seconds(600));
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> first = Locks.LockAsync("k", stop.Token).AsTask();
        Task<ILockHandle> second = Locks.LockAsync("k", stop.Token).AsTask();
        Task<ILockHandle> third = Locks.LockAsync("k").AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Store.Remove("k");
        await Time.AdvanceUntilAsync(() => third.IsCompleted, TimeSpan.FromMilliseconds(50), Seconds(10), "the third has it");
        await (await third).DisposeAsync();
    }

    [Fact]
    public async Task A_release_in_this_process_wakes_the_next_one_without_a_poll()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Task<ILockHandle> next = Locks.LockAsync("k").AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 2, "the next contends");
        await handle.UnlockAsync();
        await Eventually.TrueAsync(() => next.IsCompleted, "no clock was moved");
        await (await next).DisposeAsync();
    }

    [Fact]
    public async Task Disposing_the_lock_ends_waits_and_releases_what_is_held()
    {
        ILockHandle held = await Locks.LockAsync("held");
        ILockHandle kept = await Locks.LockAsync("kept", new LockOptions { KeepOnDisconnect = true });
        Store.HoldElsewhere("k", Seconds(600));
        Task<ILockHandle> head = Locks.LockAsync("k").AsTask();
        Task<ILockHandle> queued = Locks.LockAsync("k").AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 3, "the head contends");

        await Locks.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => head);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => queued);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Locks.LockAsync("x"));
        Assert.Null(Store.HolderOf("held"));
        Assert.Equal(kept.Id, Store.HolderOf("kept"));
        Assert.Equal(LostReason.LockDisposed, held.LostReason);
        Assert.True(held.LostToken.IsCancellationRequested);
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        Assert.True(Store.IsDisposed);
    }

    [Fact]
    public async Task Disposal_is_prompt_with_a_store_that_hangs_and_does_not_listen()
    {
        await Locks.LockAsync("held");
        Store.OnRelease = (_, _, _) => new Hang<StoreReply>().DeafAsync();
        Task disposal = Locks.DisposeAsync().AsTask();
        await Eventually.TimersArmedAsync(Time);
        Assert.False(disposal.IsCompleted);
        await Time.AdvanceUntilAsync(() => disposal.IsCompleted, Seconds(0.5), Seconds(5), "the disposal ends");
        await disposal;
    }

    [Fact]
    public async Task Keys_and_options_are_checked_before_anything_is_asked()
    {
        await Assert.ThrowsAsync<ArgumentException>(async () => await Locks.LockAsync(string.Empty));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Locks.LockAsync(null!));
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await Locks.LockAsync(new string('ä', 513)));
        Assert.Contains("1026 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("1024", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(async () => await Locks.LockNsAsync(new string('x', 1024)));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Locks.LockAsync("half \ud800 of a character"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LockOptions { Ttl = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new LockOptions { Ttl = Seconds(-2) });
        await Assert.ThrowsAsync<ArgumentException>(
            async () => await Locks.LockAsync("k", new LockOptions { Ttl = Seconds(1), RenewInterval = Seconds(0.6) }));
        Assert.Empty(Store.Steps);
        await using ILockHandle longest = await Locks.LockAsync(new string('x', 1024));
    }

    [Fact]
    public async Task The_namespace_stands_before_the_key()
    {
        await using ILockHandle handle = await Locks.LockNsAsync("k");
        Assert.Equal("ns:k", handle.Key);
        Assert.Equal("ns:k", (await Locks.GetAsync("ns:k"))?.Key);
        await using var without = new StoreLock(new ScriptedStore(Time), context: new LockProviderContext(Time, Logs));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await without.LockNsAsync("k"));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await without.TryLockNsAsync("k"));
    }

    private Func<string, Task<ILockHandle?>>[] BareTime(TimeSpan time) =>
    [
        async key => await Locks.LockAsync(key, time),
        async key => await Locks.TryLockAsync(key, time),
        async key => await Locks.LockNsAsync(key, time),
        async key => await Locks.TryLockNsAsync(key, time),
    ];
}
