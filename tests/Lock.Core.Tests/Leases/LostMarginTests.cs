using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>How long before its end in the backend a lease is lost for its holder.</summary>
public sealed class LostMarginTests : EngineTest
{
    private static LockOptions With(double margin, double ttl = 10) =>
        new() { Ttl = Seconds(ttl), AutoRenew = false, LostMargin = Seconds(margin) };

    [Fact]
    public async Task L11_The_margin_is_kept_between_the_announcement_and_the_end_in_the_backend()
    {
        ILockHandle handle = await Locks.LockAsync("k", With(margin: 4));
        CancellationToken token = handle.LostToken;
        Assert.Equal(Seconds(6), handle.Remaining);
        Time.Advance(Seconds(5.99));
        Assert.False(token.IsCancellationRequested);
        Time.Advance(Seconds(0.01));
        Assert.True(token.IsCancellationRequested);
        Assert.Equal(Seconds(4), Store.RemainingOf("k"));
    }

    [Fact]
    public async Task A_margin_below_the_allowance_for_drift_does_not_weaken_the_lock()
    {
        ILockHandle handle = await Locks.LockAsync("k", With(margin: 0));
        Assert.Equal(TimeSpan.FromMilliseconds(9898), handle.Remaining);
    }

    [Fact]
    public async Task A_margin_that_leaves_nothing_is_refused_by_name()
    {
        ArgumentException refused =
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Locks.LockAsync("k", With(margin: 10)));
        Assert.Contains("lockOptions.lostMargin of 10000 ms must be below the ttl", refused.Message, StringComparison.Ordinal);
        ILockHandle handle = await Locks.LockAsync("k", With(margin: 4));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await handle.TryExtendAsync(Seconds(4)));
        Assert.Equal(0, Store.Extends);
        handle.ThrowIfLost();
        Assert.Throws<ArgumentOutOfRangeException>(() => new LockOptions { LostMargin = Seconds(-1) });
    }

    [Fact]
    public async Task A_wide_margin_is_renewed_in_time()
    {
        await using ILockHandle handle = await Locks.LockAsync("k", With(margin: 8) with { AutoRenew = true });
        for (int i = 1; i <= 20; i++)
        {
            Time.Advance(Seconds(1)); // half of what is left
            await Eventually.TrueAsync(() => Store.Extends == i, "renewed");
            await Eventually.TrueAsync(() => handle.Remaining == Seconds(2), "the answer counts");
        }
    }
}
