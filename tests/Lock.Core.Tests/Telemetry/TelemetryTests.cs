using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Locking.Conformance;

namespace Locking.Core.Tests;

public sealed class TelemetryTests : EngineTest
{
    [Fact]
    public async Task Spans_and_metrics_tell_what_happened_by_name_unit_and_tag()
    {
        // Other tests of this assembly measure too: only what this test's backend type says counts here.
        var spans = new ConcurrentQueue<Activity>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Locking",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.GetTagItem("locking.key") is "telemetry-key" or "telemetry-busy")
                    spans.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(activities);
        var measures = new ConcurrentQueue<(string Name, string? Unit, double Value, string Tags)>();
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Locking")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((i, v, tags, _) => measures.Enqueue((i.Name, i.Unit, v, Text(tags))));
        meters.SetMeasurementEventCallback<long>((i, v, tags, _) => measures.Enqueue((i.Name, i.Unit, v, Text(tags))));
        meters.Start();

        var handle = await Locks.LockAsync("telemetry-key", Seconds(3));
        Store.HoldElsewhere("telemetry-busy", Seconds(60));
        Assert.Null(await Locks.TryLockAsync("telemetry-busy"));
        Time.Advance(Seconds(3));
        Assert.NotNull(handle.LostReason);
        Store.OnAcquire = (_, _, _) => throw new LockStoreException("x", isTransient: false);
        await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.LockAsync("telemetry-key"));

        await Eventually.TrueAsync(() => measures.Any(m => m.Name == "locking.losses"), "the loss is counted");
        Has("locking.acquire.duration", "s", "locking.outcome=acquired");
        Has("locking.acquire.duration", "s", "locking.outcome=busy");
        Has("locking.acquire.duration", "s", "locking.outcome=failed");
        Has("locking.held.duration", "s", "locking.backend=scripted");
        Has("locking.losses", "{loss}", "locking.loss.reason=Expired");
        Has("locking.store.failures", "{failure}", "locking.step=acquire");

        Assert.Contains(spans, s => s.OperationName == "lock.acquire" && (string?)s.GetTagItem("locking.outcome") == "acquired"
            && s.GetTagItem("locking.fencing_token") is long);
        Assert.Contains(spans, s => (string?)s.GetTagItem("locking.outcome") == "failed" && s.Status == ActivityStatusCode.Error);

        void Has(string name, string unit, string tag) =>
            Assert.Contains(measures, m => m.Name == name && m.Unit == unit && m.Tags.Contains(tag, StringComparison.Ordinal));
    }

    private static string Text(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = string.Empty;
        foreach (var (key, value) in tags)
            text += $"{key}={value};";
        return text;
    }
}
