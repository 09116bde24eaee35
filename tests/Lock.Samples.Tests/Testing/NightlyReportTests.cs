using Microsoft.Extensions.Time.Testing;

namespace Locking.Samples.Tests.Testing;

public sealed class NightlyReportTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly ILock _locks;
    private readonly NightlyReport _report;

    public NightlyReportTests()
    {
        LockProviderContext context = LockProviderContext.Default with { TimeProvider = _time };
        _locks = Lock.Create(new LockConfig { Type = "inMemory", LockOptions = new LockOptions { AutoRenew = false } }, context: context);
        _report = new NightlyReport(_locks);
    }

    public ValueTask DisposeAsync() => _locks.DisposeAsync();

    [Fact]
    public async Task It_stops_when_its_lease_runs_out()
    {
        int pages = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _report.RunAsync(async (_, stop) =>
        {
            pages++;
            _time.Advance(TimeSpan.FromSeconds(30)); // the ttl
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
        }));
        Assert.Equal(1, pages);
    }

    [Fact]
    public async Task It_stops_when_the_lock_is_taken_away()
    {
        int pages = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _report.RunAsync(async (_, stop) =>
        {
            pages++;
            await _locks.ForceUnlockAsync("nightly-report");
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
        }));
        Assert.Equal(1, pages);
    }

    [Fact]
    public async Task It_does_not_call_the_report_done_when_the_lock_was_lost_at_the_last_page()
    {
        LockLostException lost = await Assert.ThrowsAsync<LockLostException>(() => _report.RunAsync(async (page, _) =>
        {
            if (page == 3)
                await _locks.ForceUnlockAsync("nightly-report");
        }));
        Assert.Equal(LostReason.Forced, lost.Reason);
    }

    [Fact]
    public async Task It_waits_its_turn_for_five_minutes()
    {
        await using ILockHandle other = await _locks.LockAsync("nightly-report", new LockOptions { Ttl = TimeSpan.FromHours(1) });
        Task run = _report.RunAsync((_, _) => Task.CompletedTask);
        _time.Advance(TimeSpan.FromMinutes(4));
        Assert.False(run.IsCompleted);
        _time.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<LockTimeoutException>(() => run);
    }
}
