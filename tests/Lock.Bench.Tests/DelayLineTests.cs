using Locking.Bench.Latency;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Bench.Tests;

public sealed class DelayLineTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task What_comes_together_waits_for_the_delay_once()
    {
        using ManualResetEventSlim bothAreThere = new();
        using DelayLine line = new(_time, span =>
        {
            bothAreThere.Wait();
            _time.Advance(span);
        })
        { Delay = TimeSpan.FromMilliseconds(5) };
        DateTimeOffset start = _time.GetUtcNow();
        TaskCompletionSource<TimeSpan> first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<TimeSpan> second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        line.Add(() => first.SetResult(_time.GetUtcNow() - start));
        line.Add(() => second.SetResult(_time.GetUtcNow() - start));
        bothAreThere.Set();
        Assert.Equal(TimeSpan.FromMilliseconds(5), await first.Task);
        Assert.Equal(TimeSpan.FromMilliseconds(5), await second.Task);
    }

    [Fact]
    public async Task Half_a_millisecond_is_waited_for_too()
    {
        using DelayLine line = new(_time, _time.Advance) { Delay = TimeSpan.FromMicroseconds(500) };
        DateTimeOffset start = _time.GetUtcNow();
        TaskCompletionSource<TimeSpan> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        line.Add(() => done.SetResult(_time.GetUtcNow() - start));
        Assert.Equal(TimeSpan.FromMicroseconds(500), await done.Task);
    }

    [Fact]
    public async Task The_real_clock_is_waited_for_as_well()
    {
        using DelayLine line = new() { Delay = TimeSpan.FromMicroseconds(700) };
        long start = TimeProvider.System.GetTimestamp();
        TaskCompletionSource<TimeSpan> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        line.Add(() => done.SetResult(TimeProvider.System.GetElapsedTime(start)));
        Assert.True(await done.Task >= TimeSpan.FromMicroseconds(700));
    }
}
