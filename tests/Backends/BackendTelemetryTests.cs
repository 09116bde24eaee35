using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Locking;

/// <summary>What is measured and traced of a lock of this backend: under its name, with the token, and nothing that is secret.</summary>
public abstract class BackendTelemetryTests(string backend)
{
    [Fact]
    public async Task Spans_and_metrics_have_the_name_of_the_backend()
    {
        string key = $"telemetry/{Guid.NewGuid()}";
        ConcurrentQueue<Activity> spans = [];
        ConcurrentQueue<(string Name, string? Backend)> measures = [];
        using ActivityListener activities = new()
        {
            ShouldListenTo = static source => source.Name == "Locking",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                if (key.Equals(span.GetTagItem("locking.key")))
                    spans.Enqueue(span);
            },
        };
        ActivitySource.AddActivityListener(activities);
        using MeterListener meters = new()
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Locking")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((instrument, _, tags, _) => measures.Enqueue((instrument.Name, BackendOf(tags))));
        meters.Start();
        await using (StoreLock locks = new(NewStore()))
        await using (StoreLock others = new(NewStore()))
        {
            await using ILockHandle held = await locks.LockAsync(key);
            Assert.Null(await others.TryLockAsync(key));
        }

        Assert.Equal(["acquired", "busy"], spans.Select(static span => (string?)span.GetTagItem("locking.outcome")));
        Assert.All(spans, span => Assert.Equal(backend, span.GetTagItem("locking.backend")));
        Assert.IsType<long>(spans.First().GetTagItem("locking.fencing_token"));
        Assert.Contains(("locking.acquire.duration", backend), measures);
        Assert.Contains(("locking.held.duration", backend), measures);
    }

    /// <summary>A store of the backend; each is disposed of.</summary>
    protected abstract ILockStore NewStore();

    private static string? BackendOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach ((string name, object? value) in tags)
        {
            if (name == "locking.backend")
                return (string?)value;
        }

        return null;
    }
}
