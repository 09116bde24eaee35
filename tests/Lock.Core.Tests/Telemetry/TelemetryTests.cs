using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Locking.Conformance;

namespace Locking.Core.Tests;

public sealed class TelemetryTests : EngineTest
{
    private const string Backend = "telemetry";
    private const string BackendTag = $"locking.backend={Backend};";

    [Fact]
    public async Task Spans_and_metrics_tell_what_happened_by_name_unit_and_tag()
    {
        // Other tests of this assembly measure too: only what this test's backend type says counts here.
        var store = new ScriptedStore(Time) { Type = Backend };
        await using var locks = new StoreLock(store, context: new LockProviderContext(Time, Logs));
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

        ILockHandle handle = await locks.LockAsync("telemetry-key", EngineTest.Fixed(Seconds(3)));
        store.HoldElsewhere("telemetry-busy", Seconds(60));
        Assert.Null(await locks.TryLockAsync("telemetry-busy"));
        using (var stop = new CancellationTokenSource())
        {
            Task<ILockHandle> waiting = locks.LockAsync("telemetry-busy", stop.Token).AsTask();
            await Eventually.TrueAsync(() => Waiters() == 1, "the waiter is counted");
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            await Eventually.TrueAsync(() => Waiters() == 0, "the waiter is not counted any more");
        }

        Time.Advance(Seconds(3));
        Assert.NotNull(handle.LostReason);
        store.OnAcquire = (_, _, _) => throw new LockStoreException("x", isTransient: false);
        await Assert.ThrowsAsync<LockStoreException>(async () => await locks.LockAsync("telemetry-key"));


        // Both are written on the pool, one after the other.
        foreach (string name in (string[])["locking.losses", "locking.held.duration"])
        {
            await Eventually.TrueAsync(
                () => measures.Any(m => m.Name == name && m.Tags.Contains(BackendTag, StringComparison.Ordinal)), $"{name} is counted");
        }

        Has("locking.acquire.duration", "s", "locking.outcome=acquired");
        Has("locking.acquire.duration", "s", "locking.outcome=busy");
        Has("locking.acquire.duration", "s", "locking.outcome=cancelled");
        Has("locking.acquire.duration", "s", "locking.outcome=failed");
        Has("locking.waiters", "{waiter}", BackendTag);
        Has("locking.held.duration", "s", BackendTag);
        Has("locking.losses", "{loss}", "locking.loss.reason=Expired");
        Has("locking.loss.delay", "s", BackendTag);
        Has("locking.store.failures", "{failure}", "locking.step=acquire");

        Assert.Contains(spans, s => s.OperationName == "lock.acquire" && (string?)s.GetTagItem("locking.outcome") == "acquired"
            && s.GetTagItem("locking.fencing_token") is long);
        Assert.Contains(spans, s => (string?)s.GetTagItem("locking.outcome") == "failed" && s.Status == ActivityStatusCode.Error);

        double Waiters() =>
            measures.Where(m => m.Name == "locking.waiters" && m.Tags.Contains(BackendTag, StringComparison.Ordinal)).Sum(m => m.Value);

        void Has(string name, string unit, string tag) =>
            Assert.Contains(measures, m => m.Name == name && m.Unit == unit
                && m.Tags.Contains(BackendTag, StringComparison.Ordinal) && m.Tags.Contains(tag, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_listener_that_throws_changes_no_outcome_and_keeps_no_release_from_being_sent()
    {
        var store = new ScriptedStore(Time) { Type = "throwing" };
        await using var locks = new StoreLock(store, context: new LockProviderContext(Time, new ThrowingLogger { Throws = true }));
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Locking",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStarted = activity => Throw(activity.GetTagItem("locking.backend")),
            ActivityStopped = activity => Throw(activity.GetTagItem("locking.backend")),
        };
        ActivitySource.AddActivityListener(activities);
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Locking")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((_, _, tags, _) => Throw(BackendOf(tags)));
        meters.SetMeasurementEventCallback<long>((_, _, tags, _) => Throw(BackendOf(tags)));
        meters.Start();

        ILockHandle handle = await locks.LockAsync("k");
        Assert.Null(await locks.TryLockAsync("k"));
        Task<ILockHandle> waiting = locks.LockAsync("k").AsTask();
        await Eventually.TrueAsync(() => store.Acquires == 3, "it waits");
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Equal(1, store.Releases);
        ILockHandle next = await Eventually.DoneAsync(waiting, "the waiter's grant");
        store.OnExtend = (_, _, _, _) => throw Transient();
        Time.Advance(Seconds(10));
        await Eventually.TrueAsync(() => store.Extends >= 1, "a renewal fails");
        store.Lose("k", next.Id, LostReason.Forced);
        Assert.Equal(LostReason.Forced, next.LostReason);
        await next.DisposeAsync();
        Assert.Null(store.HolderOf("k"));
        store.OnAcquire = (_, _, _) => throw new LockStoreException("x", isTransient: false);
        await Assert.ThrowsAsync<LockStoreException>(async () => await locks.LockAsync("k"));

        static object? BackendOf(ReadOnlySpan<KeyValuePair<string, object?>> tags) => tags[0].Value;

        static void Throw(object? backend)
        {
            if (backend is "throwing")
                throw new InvalidDataException("a listener fails");
        }
    }

    private static string Text(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string text = string.Empty;
        foreach ((string key, object? value) in tags)
            text += $"{key}={value};";
        return text;
    }
}
