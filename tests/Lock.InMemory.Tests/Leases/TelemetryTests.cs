using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests.Leases;

/// <summary>The fast path measures what the engine measures.</summary>
public sealed class TelemetryTests
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Spans_and_metrics_tell_what_happened_on_the_fast_path_too()
    {
        // Other tests of this assembly measure too: spans are told apart by key, durations by their figures.
        var spans = new ConcurrentQueue<Activity>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Locking",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.GetTagItem("locking.key") is "fast-telemetry")
                    spans.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(activities);
        var measures = new ConcurrentQueue<(string Name, double Value, string Tags)>();
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Locking")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((i, v, tags, _) => measures.Enqueue((i.Name, v, Text(tags))));
        meters.SetMeasurementEventCallback<long>((i, v, tags, _) => measures.Enqueue((i.Name, v, Text(tags))));
        meters.Start();

        var time = new FakeTimeProvider();
        await using var locks = new InMemoryLock(context: LockProviderContext.Default with { TimeProvider = time });
        ILockHandle handle = await locks.LockAsync("fast-telemetry");
        Assert.Null(await locks.TryLockAsync("fast-telemetry"));
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> cancelled = locks.LockAsync("fast-telemetry", stop.Token).AsTask();
        Task<ILockHandle> waiting = locks.LockAsync("fast-telemetry", new LockOptions { Ttl = s_ttl, AutoRenew = false }).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        time.Advance(TimeSpan.FromSeconds(1.25));
        await handle.DisposeAsync();
        ILockHandle second = await waiting;
        time.Advance(s_ttl);
        Assert.Equal(LostReason.Expired, second.LostReason);
        await second.DisposeAsync();

        await Eventually.TrueAsync(() => Any("locking.losses", 1, "locking.loss.reason=Expired"), "the loss is counted");
        Assert.True(Any("locking.acquire.duration", 1.25, "locking.outcome=acquired"));
        Assert.True(Any("locking.acquire.duration", 0, "locking.outcome=busy"));
        Assert.True(Any("locking.acquire.duration", 0, "locking.outcome=cancelled"));
        Assert.True(Any("locking.held.duration", 1.25, "locking.backend=inMemory"));
        await Eventually.TrueAsync(() => Any("locking.held.duration", 3, "locking.backend=inMemory"), "a lost lease was held as well");
        Assert.True(Any("locking.waiters", 1, "locking.backend=inMemory"));
        Assert.True(Any("locking.waiters", -1, "locking.backend=inMemory"));
        Assert.Equal(
            ["acquired", "acquired", "busy", "cancelled"],
            spans.Select(span => (string)span.GetTagItem("locking.outcome")!).Order(StringComparer.Ordinal));
        Assert.Contains(spans, span => span.GetTagItem("locking.fencing_token") is long token && token == second.FencingToken);

        bool Any(string name, double value, string tag) =>
            measures.Any(m => m.Name == name && m.Value == value && m.Tags.Contains(tag, StringComparison.Ordinal)
                && m.Tags.Contains("inMemory", StringComparison.Ordinal));
    }

    private static string Text(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string text = string.Empty;
        foreach ((string key, object? value) in tags)
            text += $"{key}={value};";
        return text;
    }
}
