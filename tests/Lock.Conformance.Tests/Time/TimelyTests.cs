using Locking.Conformance;

namespace Locking;

/// <summary>When steps that must be quick are tried again.</summary>
public sealed class TimelyTests
{
    /// <summary>So long that no machine stands still for an eighth of it.</summary>
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task A_failure_counts_at_once_where_the_backend_answers_at_once()
    {
        var suite = new Steps(s_long, failures: int.MaxValue, static _ => Task.CompletedTask);
        await Assert.ThrowsAsync<InvalidTimeZoneException>(suite.RunAsync);
        Assert.Equal([s_long], suite.Tried);
    }

    [Fact]
    public async Task A_failure_counts_at_once_where_the_backend_fails()
    {
        var suite = new Steps(s_long, failures: int.MaxValue, static _ => throw new LockStoreException("down", isTransient: true));
        await Assert.ThrowsAsync<InvalidTimeZoneException>(suite.RunAsync);
        Assert.Equal([s_long], suite.Tried);
    }

    [Fact]
    public async Task Where_the_backend_is_slow_they_are_tried_again_with_a_longer_lease()
    {
        var suite = new Steps(s_short, failures: 2, SlowAsync);
        await suite.RunAsync();
        Assert.Equal([s_short, s_short * 2, s_short * 4], suite.Tried);
    }

    [Fact]
    public async Task The_last_failure_counts_also_where_the_backend_is_slow()
    {
        var suite = new Steps(s_short, failures: int.MaxValue, SlowAsync);
        await Assert.ThrowsAsync<InvalidTimeZoneException>(suite.RunAsync);
        Assert.Equal(5, suite.Tried.Count);
    }

    /// <summary>An answer that takes more than an eighth of the lease.</summary>
    private static Task SlowAsync(TimeSpan ttl) => Task.Delay(ttl / 7, TimeProvider.System);

    private sealed class Steps(TimeSpan first, int failures, Func<TimeSpan, Task> answer) : ConformanceSuite
    {
        public List<TimeSpan> Tried { get; } = [];

        protected override TimeSpan ShortTtl => first;

        public Task RunAsync() => TimelyAsync(ttl =>
        {
            Tried.Add(ttl);
            return Tried.Count <= failures ? throw new InvalidTimeZoneException() : Task.CompletedTask;
        });

        protected override Task AskBackendAsync() => answer(Tried[^1]);
    }
}
