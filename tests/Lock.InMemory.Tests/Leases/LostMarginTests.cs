using Locking.Conformance;

namespace Locking.InMemory.Tests.Leases;

/// <summary>How long before its end in the table a lease is lost for its holder.</summary>
public sealed class LostMarginTests : IAsyncDisposable
{
    private readonly TestClock _time = new();
    private readonly InMemoryLockTable _table;
    private readonly InMemoryLock _locks;

    public LostMarginTests()
    {
        _table = new InMemoryLockTable(_time);
        _locks = new InMemoryLock(context: LockProviderContext.Default with { TimeProvider = _time }, table: _table);
    }

    public async ValueTask DisposeAsync()
    {
        await _locks.DisposeAsync();
        _table.Dispose();
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static LockOptions With(double margin, double ttl = 10) =>
        new() { Ttl = Seconds(ttl), AutoRenew = false, LostMargin = Seconds(margin) };

    [Fact]
    public async Task L11_The_margin_is_kept_between_the_announcement_and_the_next_grant()
    {
        ILockHandle handle = await _locks.LockAsync("k", With(margin: 4));
        CancellationToken token = handle.LostToken;
        Assert.Equal(Seconds(6), handle.Remaining);
        _time.Advance(Seconds(5.99));
        Assert.False(token.IsCancellationRequested);
        _time.Advance(Seconds(0.01));
        Assert.True(token.IsCancellationRequested);
        Assert.Equal(LostReason.Expired, handle.LostReason);
        Assert.Equal(TimeSpan.Zero, handle.Remaining);
        Assert.False(await handle.TryExtendAsync(Seconds(10)));
        Assert.Null(await _locks.TryLockAsync("k"));
        Task<ILockHandle> waiter = _locks.LockAsync("k").AsTask();
        _time.Advance(Seconds(3.99));
        Assert.False(waiter.IsCompleted);
        _time.Advance(Seconds(0.02));
        await using ILockHandle next = await Eventually.DoneAsync(waiter, "granted at its end in the table");
    }

    [Fact]
    public async Task Who_looks_without_a_token_sees_it_lost_and_can_give_it_back_early()
    {
        ILockHandle handle = await _locks.LockAsync("k", With(margin: 4));
        _time.Advance(Seconds(6));
        Assert.Throws<LockLostException>(handle.ThrowIfLost);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        await using ILockHandle? next = await _locks.TryLockAsync("k");
        Assert.NotNull(next);
    }

    [Fact]
    public async Task A_wide_margin_is_renewed_in_time()
    {
        await using ILockHandle handle = await _locks.LockAsync("k", With(margin: 8) with { AutoRenew = true });
        CancellationToken token = handle.LostToken;
        for (int i = 1; i <= 20; i++)
        {
            _time.Advance(Seconds(1));
            Assert.True(handle.Remaining > Seconds(1), $"{handle.Remaining}");
            Assert.False(token.IsCancellationRequested);
        }

        handle.ThrowIfLost();
    }

    [Fact]
    public async Task MaxHold_is_announced_before_it_is_reached()
    {
        await using ILockHandle handle =
            await _locks.LockAsync("k", new LockOptions { Ttl = Seconds(10), MaxHold = Seconds(25), LostMargin = Seconds(3) });
        CancellationToken token = handle.LostToken;
        _time.Advance(Seconds(21.9));
        Assert.False(token.IsCancellationRequested);
        _time.Advance(Seconds(0.1));
        Assert.True(token.IsCancellationRequested);
        Assert.Equal(LostReason.MaxHoldReached, handle.LostReason);
        Assert.Null(await _locks.TryLockAsync("k"));
    }

    [Fact]
    public async Task A_margin_that_leaves_nothing_is_refused_by_name()
    {
        ArgumentException refused =
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await _locks.LockAsync("k", With(margin: 10)));
        Assert.Contains("lockOptions.lostMargin of 10000 ms must be below the ttl", refused.Message, StringComparison.Ordinal);
        await using ILockHandle handle = await _locks.LockAsync("k", With(margin: 4));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await handle.TryExtendAsync(Seconds(4)));
        handle.ThrowIfLost();
    }

    [Fact]
    public async Task A_disposal_of_a_lease_that_was_lost_before_tells_no_second_loss()
    {
        ILockHandle handle = await _locks.LockAsync("k", With(margin: 4));
        _ = handle.LostToken;
        _time.Advance(Seconds(6));
        await _locks.DisposeAsync();
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }
}
