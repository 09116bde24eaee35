using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>A wall clock that steps: it ends no lease, it makes leases ask.</summary>
public sealed class ClockStepTests : EngineTest
{
    private static readonly LockOptions s_twenty = new() { Ttl = Seconds(20), AutoRenew = false };

    [Theory]
    [InlineData(3600, true)]
    [InlineData(3600, false)]
    [InlineData(-3600, true)]
    [InlineData(-3600, false)]
    [InlineData(1, true)]
    public async Task A_step_ends_no_lease_that_the_backend_still_knows(int seconds, bool renews)
    {
        ILockHandle handle = await Locks.LockAsync("k", s_twenty with { AutoRenew = renews });
        CancellationToken token = handle.LostToken;
        Time.Advance(Seconds(1));
        Assert.Equal(0, Store.Extends);
        Time.AdvanceWallClock(Seconds(seconds));
        handle.ThrowIfLost();
        Time.Advance(Seconds(1));
        await Eventually.TrueAsync(() => Store.Extends == 1, "the backend is asked at once");
        await Eventually.SettleAsync();
        Time.Advance(Seconds(3));
        await Eventually.SettleAsync();
        handle.ThrowIfLost();
        Assert.False(token.IsCancellationRequested);
        Assert.Equal(handle.Id, Store.HolderOf("k"));
        Assert.True(handle.Remaining > Seconds(renews ? 15 : 13), $"{handle.Remaining} is left");
        if (!renews)
        {
            Assert.True(Store.RemainingOf("k") <= Seconds(15), "a fixed lease was lengthened");
            Time.Advance(Seconds(16));
            Assert.Equal(LostReason.Expired, handle.LostReason);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_paused_machine_whose_lease_is_gone_is_told_by_the_backend(bool renews)
    {
        ILockHandle handle = await Locks.LockAsync("k", s_twenty with { AutoRenew = renews });
        CancellationToken token = handle.LostToken;
        Store.HoldElsewhere("k", Seconds(600)); // the backend's clock went on
        Time.AdvanceWallClock(Seconds(60));
        Time.Advance(Seconds(1));
        await Eventually.TrueAsync(() => token.IsCancellationRequested, "the loss is announced");
        Assert.Equal(LostReason.HeldByAnother, handle.LostReason);
    }

    [Fact]
    public async Task A_paused_machine_whose_backend_is_silent_believes_its_lease_for_a_short_time_only()
    {
        Store.OnExtend = (_, _, _, _) => throw Transient();
        ILockHandle handle = await Locks.LockAsync("k", s_twenty);
        Time.AdvanceWallClock(Seconds(60));
        Time.Advance(Seconds(1));
        await Eventually.TrueAsync(() => Store.Extends >= 1, "the backend is asked");
        Assert.True(handle.Remaining <= Lease.LongestDoubt);
        Time.Advance(Lease.LongestDoubt);
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }

    [Fact]
    public async Task A_step_that_leaves_something_of_the_lease_and_a_silent_backend_end_it_at_its_time()
    {
        Store.OnExtend = (_, _, _, _) => throw Transient();
        ILockHandle handle = await Locks.LockAsync("k", s_twenty);
        Time.AdvanceWallClock(Seconds(5));
        for (int i = 0; i < 18; i++)
        {
            Time.Advance(Seconds(1));
            handle.ThrowIfLost();
        }

        Time.Advance(Seconds(2));
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }

    [Fact]
    public void The_systems_clock_runs_on_and_is_the_one_in_place_of_the_runtimes()
    {
        var context = new LockProviderContext(TimeProvider.System, Logs);
        Assert.Same(SystemClock.Instance, context.TimeProvider);
        Assert.Same(Time, new LockProviderContext(Time, Logs).TimeProvider);
        long start = context.TimeProvider.GetTimestamp();
        Assert.True(start > 0);
        Assert.True(
            SpinWait.SpinUntil(() => context.TimeProvider.GetElapsedTime(start) > TimeSpan.FromMilliseconds(1), Eventually.Patience));
        if (!OperatingSystem.IsLinux())
            return;
        double up = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        double told = context.TimeProvider.GetTimestamp() / (double)context.TimeProvider.TimestampFrequency;
        Assert.True(told >= up - 0.011, $"{told} s, but the machine is up for {up} s: suspensions are not counted");
    }
}
