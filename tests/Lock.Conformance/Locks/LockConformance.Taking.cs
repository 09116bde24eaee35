namespace Locking.Conformance;

public abstract partial class LockConformance
{
    [Fact]
    public async Task L01_A_free_lock_is_granted_with_a_handle_that_tells_all_about_it()
    {
        string key = NewKey();
        await using ILockHandle handle = await Locks.LockAsync(key, new LockOptions { Owner = "tester" });
        Assert.Equal((key, "tester"), (handle.Key, handle.Owner));
        Assert.Equal(4, Guid.ParseExact(handle.Id, "D").Version);
        Assert.Equal(IssuesFencingTokens, handle.FencingToken.HasValue);
        Assert.Equal(1, handle.AcquiredOnAttempt);
        Assert.InRange(handle.Remaining, LongTtl / 2, LongTtl);
        Assert.Null(handle.LostReason);
        Assert.False(handle.LostToken.IsCancellationRequested);
        handle.ThrowIfLost();
    }

    [Fact]
    public async Task L01_The_owner_is_host_and_process_unless_it_is_said()
    {
        await using ILockHandle handle = await TakeAsync(Locks, NewKey());
        Assert.Equal($"{Environment.MachineName}/{Environment.ProcessId}", handle.Owner);
    }

    [Fact]
    public async Task L02_TryLock_is_null_when_somebody_else_holds_the_lock_and_changes_nothing()
    {
        string key = NewKey();
        ILock other = NewLocks();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        await AssertBusyAsync(other, key);
        await AssertBusyAsync(Locks, key);
        handle.ThrowIfLost();
        Assert.Equal(handle.Id, (await other.GetAsync(key))?.Id);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        await using ILockHandle next = await TakeAsync(other, key);
        AssertRises(handle, next);
    }

    [Fact]
    public Task L03_Lock_throws_a_timeout_when_the_lock_is_not_free_within_the_wait() => TimelyAsync(async wait =>
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        foreach (ILock? locks in new[] { Locks, NewLocks() })
        {
            long since = Clock.GetTimestamp();
            Task<ILockHandle> waiting = locks.LockAsync(key, new LockOptions { WaitTimeout = wait }).AsTask();
            LockTimeoutException timeout =
                await Assert.ThrowsAsync<LockTimeoutException>(() => AfterTimeAsync(waiting, wait, "the end of the wait"));
            Assert.True(Clock.GetElapsedTime(since) >= wait, "gave up too early");
            Assert.Equal(key, timeout.Key);
            Assert.True(timeout.Waited >= wait);
            Assert.True(timeout.Attempts >= 1);
        }

        handle.ThrowIfLost();
    });

    [Fact]
    public async Task L04_Cancelled_is_an_operation_cancelled_exception_before_and_during_the_wait()
    {
        string key = NewKey();
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Locks.LockAsync(key, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Locks.TryLockAsync(key, cancelled));
        Assert.Null(await Locks.GetAsync(key));

        await using ILockHandle handle = await TakeAsync(Locks, key);
        foreach (ILock? locks in new[] { Locks, NewLocks() })
        {
            using var stop = new CancellationTokenSource();
            Task<ILockHandle> waiting = locks.LockAsync(key, stop.Token).AsTask();
            await Eventually.SettleAsync();
            Assert.False(waiting.IsCompleted);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(waiting, "the cancelled wait"));
        }

        handle.ThrowIfLost();
    }

    [Fact]
    public async Task L04_A_cancelled_waiter_leaves_no_lock_behind_and_the_next_one_is_served()
    {
        string key = NewKey();
        ILock other = NewLocks();
        ILockHandle handle = await TakeAsync(Locks, key);
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> gone = other.LockAsync(key, stop.Token).AsTask();
        await Eventually.SettleAsync();
        Task<ILockHandle> next = other.LockAsync(key).AsTask();
        await Eventually.SettleAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(gone, "the cancelled wait"));
        await handle.UnlockAsync();
        await using (await AfterTimeAsync(next, ShortTtl, "the next waiter's grant"))
        {
            await AssertBusyAsync(Locks, key);
        }

        await using ILockHandle last = await TakeAsync(Locks, key);
    }

    [Fact]
    public async Task L05_A_waiter_gets_the_lock_when_it_is_given_back_in_this_process_or_another()
    {
        foreach (ILock? waiter in new[] { Locks, NewLocks() })
        {
            string key = NewKey();
            ILockHandle handle = await TakeAsync(Locks, key);
            Task<ILockHandle> waiting = waiter.LockAsync(key).AsTask();
            await Eventually.SettleAsync();
            Assert.False(waiting.IsCompleted, "granted while another holds the lock");
            Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
            await using ILockHandle next = await AfterTimeAsync(waiting, ShortTtl, "the waiter's grant");
            AssertRises(handle, next);
            await AssertBusyAsync(Locks, key);
        }
    }

    [Fact]
    public async Task L05_A_waiter_gets_the_lock_when_the_lease_of_a_holder_that_is_gone_ends()
    {
        string key = NewKey();
        ILockHandle dead = await TakeAsync(Locks, key, Fixed(ShortTtl));
        await using ILockHandle next = await AfterTimeAsync(NewLocks().LockAsync(key).AsTask(), ShortTtl, "the waiter's grant");
        AssertRises(dead, next);
        Assert.Throws<LockLostException>(dead.ThrowIfLost);
    }

    [Fact]
    public async Task L06_Waiters_of_one_process_are_served_in_the_order_they_came()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        var served = new List<int>();
        var waiting = new List<Task>();
        for (int i = 0; i < 8; i++)
        {
            // The call takes its place before it first yields, so the order of the calls is the order of the queue.
            int turn = i;
            Task<ILockHandle> grant = Locks.LockAsync(key).AsTask();
            waiting.Add(ServeAsync());

            async Task ServeAsync()
            {
                await using ILockHandle granted = await grant;
                lock (served)
                    served.Add(turn);
            }
        }

        await handle.UnlockAsync();
        var all = Task.WhenAll(waiting);
        await AfterTimeAsync(() => all.IsCompleted, ShortTtl, "every waiter's turn");
        await all;
        Assert.Equal(Enumerable.Range(0, 8), served);
    }

    [Fact]
    public async Task L08_TryLock_without_a_wait_does_not_overtake_those_who_wait()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        Task<ILockHandle> waiting = Locks.LockAsync(key).AsTask();
        await Eventually.SettleAsync();
        Task<UnlockOutcome> release = handle.UnlockAsync().AsTask();
        await AssertBusyAsync(Locks, key);
        await release;
        await using ILockHandle next = await AfterTimeAsync(waiting, ShortTtl, "the waiter's grant");
        await AssertBusyAsync(Locks, key);
    }

    [Fact]
    public async Task L30_A_wait_of_zero_is_one_attempt()
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        LockTimeoutException timeout = await Assert.ThrowsAsync<LockTimeoutException>(
            () => Eventually.DoneAsync(NewLocks().LockAsync(key, AtOnce).AsTask(), "a wait of nothing"));
        Assert.Equal(1, timeout.Attempts);
        timeout = await Assert.ThrowsAsync<LockTimeoutException>(async () =>
            await NewLocks().LockAsync(key, new LockOptions { RetryCount = 0 }));
        Assert.Equal(1, timeout.Attempts);
    }

    [Fact]
    public async Task L31_A_retry_count_of_n_is_n_plus_one_attempts_spaced_by_the_retry_delay()
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        var spaced = new LockOptions { RetryCount = 3, RetryDelay = ShortTtl / 4, RetryJitter = TimeSpan.Zero };
        long since = Clock.GetTimestamp();
        Task<ILockHandle> waiting = NewLocks().LockAsync(key, spaced).AsTask();
        LockTimeoutException timeout =
            await Assert.ThrowsAsync<LockTimeoutException>(() => AfterTimeAsync(waiting, ShortTtl, "the last attempt"));
        Assert.Equal(4, timeout.Attempts);
        Assert.True(Clock.GetElapsedTime(since) >= spaced.RetryDelay!.Value * 3, "the attempts came too fast");

        Task<ILockHandle?> trying = NewLocks().TryLockAsync(key, spaced).AsTask();
        Assert.Null(await AfterTimeAsync(trying, ShortTtl, "the last attempt"));
    }

    [Fact]
    public Task L31_Of_wait_timeout_and_retry_count_the_first_to_end_wins() => TimelyAsync(async wait =>
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        var few = new LockOptions { RetryCount = 1, RetryDelay = wait / 4, RetryJitter = TimeSpan.Zero,
            WaitTimeout = TimeSpan.FromHours(1) };
        LockTimeoutException timeout = await Assert.ThrowsAsync<LockTimeoutException>(
            () => AfterTimeAsync(NewLocks().LockAsync(key, few).AsTask(), wait, "the last attempt"));
        Assert.Equal(2, timeout.Attempts);
        var brief = new LockOptions { RetryCount = 1000, RetryDelay = wait / 4, WaitTimeout = wait };
        timeout = await Assert.ThrowsAsync<LockTimeoutException>(
            () => AfterTimeAsync(NewLocks().LockAsync(key, brief).AsTask(), wait, "the end of the wait"));
        Assert.InRange(timeout.Attempts, 1, 1000);
        Assert.True(timeout.Waited >= wait);
    });

    [Fact]
    public Task L32_The_attempt_that_succeeded_is_counted_from_one() => TimelyAsync(async time =>
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        Assert.Equal(1, handle.AcquiredOnAttempt);
        var retrying = new LockOptions { RetryCount = 1000, RetryDelay = time / 4, RetryJitter = TimeSpan.Zero };
        Task<ILockHandle> waiting = NewLocks().LockAsync(key, retrying).AsTask();
        await AdvanceAsync(time);
        await Eventually.SettleAsync();
        await handle.UnlockAsync();
        await using ILockHandle next = await AfterTimeAsync(waiting, time, "the waiter's grant");
        Assert.InRange(next.AcquiredOnAttempt, 2, 1001);
    });

    [Fact]
    public async Task L33_The_acquire_delay_is_the_time_that_was_waited()
    {
        string key = NewKey();
        ILockHandle handle = await TakeAsync(Locks, key);
        Assert.InRange(handle.AcquireDelay, TimeSpan.Zero, Eventually.Patience);
        long since = Clock.GetTimestamp();
        Task<ILockHandle> waiting = NewLocks().LockAsync(key).AsTask();
        long called = Clock.GetTimestamp();
        await AdvanceAsync(ShortTtl);
        await Eventually.SettleAsync();
        TimeSpan waited = Clock.GetElapsedTime(called);
        await handle.UnlockAsync();
        await using ILockHandle next = await AfterTimeAsync(waiting, ShortTtl, "the waiter's grant");
        Assert.InRange(next.AcquireDelay, waited - TimeSpan.FromMilliseconds(1), Clock.GetElapsedTime(since));
    }

    [Fact]
    public async Task L36_A_holder_that_asks_again_waits_for_itself()
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        await AssertBusyAsync(Locks, key);
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> again = Locks.LockAsync(key, stop.Token).AsTask();
        await Eventually.SettleAsync();
        Assert.False(again.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(again, "the cancelled wait"));
    }

    [Fact]
    public async Task L37_Tokens_rise_and_ids_are_new_from_grant_to_grant()
    {
        string key = NewKey();
        ILock other = NewLocks();
        ILockHandle? last = null;
        var ids = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < 20; i++)
        {
            await using ILockHandle handle = await TakeAsync(i % 2 == 0 ? Locks : other, key);
            if (last is not null)
                AssertRises(last, handle);
            Assert.True(ids.Add(handle.Id));
            last = handle;
        }
    }

    [Fact]
    public async Task L39_Different_keys_never_exclude_each_other()
    {
        string key = NewKey();
        string[] keys = [key, key + " ", key + "x", key.ToUpperInvariant(), key + ":x", $"{{{key}}}", key + "é", key.PadRight(1024, 'k')];
        var handles = new List<ILockHandle>();
        foreach (string each in keys)
            handles.Add(Track(await TakeAsync(Locks, each)));
        Assert.Equal(keys, handles.Select(handle => handle.Key));
        Assert.All(handles, handle => handle.ThrowIfLost());
    }

    [Fact]
    public async Task L40_Many_tasks_of_several_instances_never_hold_a_lock_at_once()
    {
        string key = NewKey();
        ILock[] instances = new[] { Locks, NewLocks(), NewLocks() };
        int holders = 0;
        int done = 0;
        long last = 0;
        Task[] tasks = Enumerable.Range(0, 12).Select(i => Task.Run(async () =>
        {
            for (int turn = 0; turn < 10; turn++)
            {
                await using ILockHandle handle = await instances[i % instances.Length].LockAsync(key);
                Assert.Equal(1, Interlocked.Increment(ref holders));
                if (IssuesFencingTokens)
                {
                    Assert.True(handle.FencingToken > last, $"the token must rise: {handle.FencingToken} came after {last}");
                    last = handle.FencingToken.Value;
                }

                await Task.Yield();
                done++;
                Interlocked.Decrement(ref holders);
            }
        })).ToArray();
        var all = Task.WhenAll(tasks);
        await AfterTimeAsync(() => all.IsCompleted, TimeSpan.FromSeconds(1), "everybody's turns");
        await all;
        Assert.Equal(120, done);
    }

    [Fact]
    public async Task L21_A_key_that_is_empty_or_too_long_and_a_ttl_of_nothing_are_refused_before_anything_happens()
    {
        string longest = NewKey().PadRight(1024, 'k');
        await using (ILockHandle handle = await TakeAsync(Locks, longest))
        {
            foreach (TimeSpan ttl in new[] { TimeSpan.Zero, TimeSpan.FromSeconds(-5) })
            {
                await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await handle.ExtendAsync(ttl));
                await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await handle.TryExtendAsync(ttl));
                await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Locks.TryExtendAsync(longest, handle.Id, ttl));
                Assert.Throws<ArgumentOutOfRangeException>(() => new LockOptions { Ttl = ttl });
            }

            handle.ThrowIfLost();
            Assert.InRange(handle.Remaining, LongTtl / 2, LongTtl);
        }

        foreach (string? key in new[] { "", longest + "k", longest[..^1] + "é" })
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.LockAsync(key));
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.TryLockAsync(key));
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.GetAsync(key));
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.UnlockAsync(key, NewId()));
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.ForceUnlockAsync(key));
        }
    }
}
