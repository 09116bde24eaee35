using System.Runtime.CompilerServices;
using Locking.Conformance;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests.Leases;

public sealed class LeaseTests : IAsyncLifetime
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();
    private readonly LogSpy _log = new();
    private readonly InMemoryLockTable _table;
    private readonly InMemoryLock _locks;

    public LeaseTests()
    {
        _table = new InMemoryLockTable(_time);
        _locks = NewLocks();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _locks.DisposeAsync();
        _table.Dispose();
    }

    [Fact]
    public async Task A_renewing_lease_lasts_as_long_as_its_handle_and_a_waiter_waits_for_it()
    {
        ILockHandle handle = await _locks.LockAsync("k");
        Task<ILockHandle> waiting = _locks.LockAsync("k").AsTask();
        for (int i = 0; i < 100; i++)
        {
            _time.Advance(s_ttl);
            handle.ThrowIfLost();
            Assert.InRange(handle.Remaining, s_ttl * 0.6, s_ttl);
        }

        Assert.False(waiting.IsCompleted);
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        ILockHandle next = await waiting;
        Assert.Equal(100 * s_ttl, next.AcquireDelay);
        Assert.True(next.FencingToken > handle.FencingToken);
        await next.DisposeAsync();
        Assert.Equal(0, _table.Table.KeyCount);
    }

    [Fact]
    public async Task A_handle_that_was_dropped_stops_renewing_once_collected_and_the_log_says_so()
    {
        await DropAsync("k");
        _time.Advance(s_ttl);
        Collect();
        Assert.NotNull(await _locks.GetAsync("k"));
        _time.Advance(s_ttl / 3);
        await Eventually.TrueAsync(
            () => _log.Messages.Any(message =>
                message.Contains("'k'", StringComparison.Ordinal) && message.Contains("dropped", StringComparison.Ordinal)),
            "the log line");
        _time.Advance(s_ttl);
        Assert.Null(await _locks.GetAsync("k"));
        await using ILockHandle? next = await _locks.TryLockAsync("k");
        Assert.NotNull(next);
    }

    [Fact]
    public async Task A_waiter_behind_a_dropped_handle_is_granted_and_the_lost_token_that_was_kept_fires()
    {
        CancellationToken lost = await DropAsync("k");
        Task<ILockHandle> waiting = _locks.LockAsync("k").AsTask();
        _time.Advance(s_ttl);
        Assert.False(lost.IsCancellationRequested);
        Collect();
        _time.Advance(2 * s_ttl);
        Assert.True(lost.IsCancellationRequested);
        await using ILockHandle next = await waiting;
    }

    [Fact]
    public async Task A_dropped_handle_that_had_waited_is_found_out_too()
    {
        ILockHandle first = await _locks.LockAsync("k");
        await DropQueuedAsync("k", first);
        _time.Advance(s_ttl);
        Collect();
        _time.Advance(2 * s_ttl);
        Assert.Null(await _locks.GetAsync("k"));
    }

    [Fact]
    public async Task A_dropped_lock_without_end_stays_and_the_log_says_so()
    {
        await DropAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan });
        _time.Advance(s_ttl);
        Collect();
        _time.Advance(s_ttl);
        await Eventually.TrueAsync(() => _log.Messages.Any(message => message.Contains("dropped", StringComparison.Ordinal)),
            "the log line");
        Assert.NotNull(await _locks.GetAsync("k"));
    }

    [Fact]
    public async Task MaxHold_ends_a_renewing_lease_exactly_there()
    {
        ILockHandle handle = await _locks.LockAsync("k", new LockOptions { MaxHold = TimeSpan.FromSeconds(100) });
        CancellationToken lost = handle.LostToken;
        Task<ILockHandle> waiting = _locks.LockAsync("k").AsTask();
        _time.Advance(TimeSpan.FromSeconds(100) - TimeSpan.FromMilliseconds(1));
        handle.ThrowIfLost();
        Assert.False(lost.IsCancellationRequested);
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(lost.IsCancellationRequested);
        Assert.Equal(LostReason.MaxHoldReached, handle.LostReason);
        await (await waiting).DisposeAsync();
        Assert.False(await handle.TryExtendAsync(s_ttl));
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
    }

    [Fact]
    public async Task The_lost_flag_is_set_before_anybody_gets_the_lock()
    {
        ILockHandle handle = await _locks.LockAsync("k", Fixed(s_ttl));
        CancellationToken lost = handle.LostToken;
        bool? flagAtGrant = null;
        var waiting = Task.Run(async () =>
        {
            await using ILockHandle next = await _locks.LockAsync("k");
            flagAtGrant = lost.IsCancellationRequested;
        });
        await Eventually.TrueAsync(() => _table.Table.Report("k").Waiters == 1, "the waiter waits");
        _time.Advance(s_ttl);
        await waiting;
        Assert.True(flagAtGrant);
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }

    [Fact]
    public async Task A_callback_of_the_lost_token_that_blocks_delays_nobody()
    {
        using var release = new ManualResetEventSlim();
        ILockHandle handle = await _locks.LockAsync("k", Fixed(s_ttl));
        await using CancellationTokenRegistration registration = handle.LostToken.Register(() => release.Wait());
        _time.Advance(s_ttl);
        await using (ILockHandle? next = await _locks.TryLockAsync("k"))
            Assert.NotNull(next);
        release.Set();
    }

    [Fact]
    public async Task Once_said_to_be_lost_a_lease_stays_lost()
    {
        ILockHandle handle = await _locks.LockAsync("k", Fixed(s_ttl));
        _time.Advance(s_ttl);
        Assert.Equal(LostReason.Expired, handle.LostReason);
        Assert.False(await handle.TryExtendAsync(s_ttl));
        LockLostException lost = await Assert.ThrowsAsync<LockLostException>(async () => await handle.ExtendAsync(s_ttl));
        Assert.Equal(LostReason.Expired, lost.Reason);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
        await using ILockHandle next = await _locks.LockAsync("k");
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
    }

    [Fact]
    public async Task A_grant_that_came_too_late_is_not_given_out()
    {
        ILockHandle holder = await _locks.LockAsync("k");
        ValueTask<ILockHandle> late = _locks.LockAsync("k", Fixed(TimeSpan.FromSeconds(1)));

        // Granted, but told only when the lease has run out.
        _table.Table.End(_table.Table.Find("k", holder.Id)!, out _, out ClaimNotices notices);
        _time.Advance(TimeSpan.FromSeconds(1));
        notices.Deliver();
        await using ILockHandle handle = await late;
        Assert.Null(handle.LostReason);
        Assert.Equal((TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)), (handle.AcquireDelay, handle.Remaining));
        Assert.Equal(1, _log.Messages.Count(message => message.Contains("too late", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Disposing_the_locks_ends_waits_and_leases()
    {
        InMemoryLock other = NewLocks();
        ILockHandle handle = await other.LockAsync("k");
        CancellationToken lost = handle.LostToken;
        Task<ILockHandle> waiting = other.LockAsync("k").AsTask();
        await using ILockHandle bystander = await _locks.LockAsync("bystander");
        Task<ILockHandle> patient = _locks.LockAsync("k").AsTask();
        await other.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        Assert.True(lost.IsCancellationRequested);
        Assert.Equal(LostReason.LockDisposed, handle.LostReason);
        Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Null(bystander.LostReason);
        await (await patient).DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await other.LockAsync("k"));
    }

    [Fact]
    public async Task KeepOnDisconnect_keeps_the_lock_until_its_ttl()
    {
        InMemoryLock other = NewLocks(new LockOptions { KeepOnDisconnect = true });
        ILockHandle handle = await other.LockAsync("k");
        await other.DisposeAsync();
        Assert.Equal(LostReason.LockDisposed, handle.LostReason);
        Assert.Null(await _locks.TryLockAsync("k"));
        _time.Advance(s_ttl);
        await using ILockHandle? next = await _locks.TryLockAsync("k");
        Assert.NotNull(next);
    }

    [Fact]
    public async Task The_id_is_made_once_by_whoever_asks_first_and_works_from_elsewhere()
    {
        InMemoryLock other = NewLocks();
        ILockHandle handle = await _locks.LockAsync("k");
        string seen = (await other.GetAsync("k"))!.Id;
        Assert.Equal(seen, handle.Id);
        Assert.True(Guid.TryParseExact(seen, "D", out _));
        Assert.True(await other.TryExtendAsync("k", seen, TimeSpan.FromHours(1)));
        Assert.InRange(handle.Remaining, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1));
        Assert.Equal(UnlockOutcome.Released, await other.UnlockAsync("k", seen));
        Assert.Equal(LostReason.Removed, handle.LostReason);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
        await other.DisposeAsync();
    }

    [Fact]
    public async Task Two_unlocks_at_once_say_the_same()
    {
        ILockHandle handle = await _locks.LockAsync("k");
        UnlockOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () => await handle.UnlockAsync())));
        Assert.All(outcomes, outcome => Assert.Equal(UnlockOutcome.Released, outcome));
    }

    [Fact]
    public async Task Retries_end_the_wait_after_their_spacing()
    {
        await using ILockHandle holder = await _locks.LockAsync("k");
        var options = new LockOptions { RetryCount = 4, RetryDelay = TimeSpan.FromSeconds(1) };
        Task<ILockHandle> waiting = _locks.LockAsync("k", options).AsTask();
        _time.Advance(TimeSpan.FromSeconds(3.9));
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        LockTimeoutException timeout = await Assert.ThrowsAsync<LockTimeoutException>(() => waiting);
        Assert.Equal((5, TimeSpan.FromSeconds(4)), (timeout.Attempts, timeout.Waited));
        Assert.Equal(0, _table.Table.Report("k").Waiters);
    }

    [Fact]
    public async Task A_wait_longer_than_timers_can_count_is_waited_out()
    {
        await using ILockHandle holder = await _locks.LockAsync("k");
        Task<ILockHandle?> waiting = _locks.TryLockAsync("k", new LockOptions { WaitTimeout = TimeSpan.FromDays(60) }).AsTask();
        _time.Advance(TimeSpan.FromDays(59));
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Null(await waiting);
    }

    [Fact]
    public async Task Two_locks_with_tables_of_their_own_do_not_exclude_each_other()
    {
        using var table = new InMemoryLockTable();
        using var other = new InMemoryLockTable();
        await using var one = new InMemoryLock(table: table);
        await using var two = new InMemoryLock(table: other);
        await using ILockHandle? first = await one.TryLockAsync("k");
        await using ILockHandle? second = await two.TryLockAsync("k");
        Assert.NotNull(first);
        Assert.NotNull(second);
    }

    [Fact]
    public void A_table_with_another_clock_is_refused()
    {
        using var table = new InMemoryLockTable();
        Assert.Throws<ArgumentException>(() => new InMemoryLock(context: Context(), table: table));
    }

    /// <summary>Counts this thread's allocations, since other tests run beside it: nothing that is allocated here is freed meanwhile, so
    /// that what is held cannot be more.</summary>
    [Fact]
    public async Task A_kept_lease_that_ran_out_after_the_disposal_is_not_called_released()
    {
        InMemoryLock other = NewLocks(new LockOptions { KeepOnDisconnect = true });
        ILockHandle handle = await other.LockAsync("k");
        await other.DisposeAsync();
        _time.Advance(s_ttl);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
        Assert.Equal(LostReason.LockDisposed, handle.LostReason);
    }

    [Fact]
    public async Task The_holder_is_told_when_a_store_of_the_same_table_gives_its_lock_back()
    {
        await using var store = new StoreLock(new InMemoryLockStore(_table), context: Context());
        ILockHandle handle = await _locks.LockAsync("k");
        CancellationToken lost = handle.LostToken;
        Assert.Equal(UnlockOutcome.Released, await store.UnlockAsync("k", handle.Id));
        Assert.True(lost.IsCancellationRequested);
        Assert.Equal(LostReason.Removed, handle.LostReason);
        Assert.Null(await _locks.GetAsync("k"));
    }

    /// <summary>A lease that is not renewed.</summary>
    private static LockOptions Fixed(TimeSpan ttl) => new() { Ttl = ttl, AutoRenew = false };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<CancellationToken> DropAsync(string key, LockOptions? options = null)
    {
        ILockHandle handle = await _locks.LockAsync(key, options);
        return handle.LostToken;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task DropQueuedAsync(string key, ILockHandle holder)
    {
        ValueTask<ILockHandle> waiting = _locks.LockAsync(key);
        await holder.DisposeAsync();
        await waiting;
    }

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private LockProviderContext Context() => new(_time, _log);

    private InMemoryLock NewLocks(LockOptions? defaults = null) => new(defaults, null, Context(), _table);

    private sealed class LogSpy : ILoggerFactory, ILogger
    {
        private readonly List<string> _messages = [];

        public IReadOnlyList<string> Messages
        {
            get
            {
                lock (_messages)
                    return [.. _messages];
            }
        }

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            lock (_messages)
                _messages.Add(formatter(state, exception));
        }
    }
}
