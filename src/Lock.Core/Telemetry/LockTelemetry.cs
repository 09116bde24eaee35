using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Locking;

/// <summary>Traces and metrics of Lock, under the name <c>Locking</c>. Names and units after OpenTelemetry's conventions.</summary>
/// <remarks>
/// Keys are attributes of spans only: as attributes of metrics they would make a time series for each key. Listeners are other people's
/// code: what one of them throws ends here, so that no lock, and no release, depends on it.
/// </remarks>
internal static class LockTelemetry
{
    public const string Name = "Locking";

    public const string Acquired = "acquired";
    public const string Busy = "busy";
    public const string Cancelled = "cancelled";
    public const string Failed = "failed";

    private const string BackendTag = "locking.backend";
    private const string OutcomeTag = "locking.outcome";
    private const string ReasonTag = "locking.loss.reason";
    private const string StepTag = "locking.step";

    private static readonly string? s_version = typeof(LockTelemetry).Assembly.GetName().Version?.ToString(3);
    private static readonly ActivitySource s_source = new(Name, s_version);
    private static readonly Meter s_meter = new(Name, s_version);

    private static readonly Histogram<double> s_acquireDuration = s_meter.CreateHistogram<double>(
        "locking.acquire.duration", "s", "How long a call waited for a lock, whatever came of it.");

    private static readonly Histogram<double> s_heldDuration = s_meter.CreateHistogram<double>(
        "locking.held.duration", "s", "How long a lock was held, until it was given back or lost.");

    private static readonly UpDownCounter<long> s_waiters = s_meter.CreateUpDownCounter<long>(
        "locking.waiters", "{waiter}", "Calls of this process that wait for a lock now.");

    private static readonly Counter<long> s_losses = s_meter.CreateCounter<long>(
        "locking.losses", "{loss}", "Leases that were lost while they were held.");

    private static readonly Histogram<double> s_lossDelay = s_meter.CreateHistogram<double>(
        "locking.loss.delay", "s",
        "How long after the moment at which it had to be announced the loss of a lease that ran out was announced.");

    private static readonly Counter<long> s_storeFailures = s_meter.CreateCounter<long>(
        "locking.store.failures", "{failure}", "Requests to a backend that failed or were not answered.");

    /// <summary>Whether anybody listens to the durations, so that a fast path may skip reading the clock.</summary>
    public static bool MeasuresHeld => s_heldDuration.Enabled;

    /// <summary>Whether anybody listens to acquires at all, as a span or as a duration.</summary>
    public static bool MeasuresAcquire => s_acquireDuration.Enabled || s_source.HasListeners();

    public static Activity? StartAcquire(string backend, string key)
    {
        if (!s_source.HasListeners())
            return null;
        try
        {
            Activity? activity = s_source.StartActivity("lock.acquire", ActivityKind.Client);
            activity?.SetTag(BackendTag, backend).SetTag("locking.key", key);
            return activity;
        }
        catch (Exception exception)
        {
            Debug.WriteLine(exception);
            return null;
        }
    }

    public static void EndAcquire(Activity? activity, string backend, string outcome, TimeSpan duration, int attempts, long? token)
    {
        if (s_acquireDuration.Enabled)
            Measure(s_acquireDuration, duration.TotalSeconds, Tag(BackendTag, backend), Tag(OutcomeTag, outcome));
        if (activity is null)
            return;
        activity.SetTag(OutcomeTag, outcome).SetTag("locking.attempts", attempts);
        if (token is not null)
            activity.SetTag("locking.fencing_token", token);
        if (outcome == Failed)
            activity.SetStatus(ActivityStatusCode.Error);
        try
        {
            activity.Dispose();
        }
        catch (Exception exception)
        {
            Debug.WriteLine(exception);
        }
    }

    public static void WaitBegins(string backend)
    {
        if (s_waiters.Enabled)
            Count(s_waiters, 1, backend);
    }

    public static void WaitEnds(string backend)
    {
        if (s_waiters.Enabled)
            Count(s_waiters, -1, backend);
    }

    public static void Held(string backend, TimeSpan duration)
    {
        if (s_heldDuration.Enabled)
            Measure(s_heldDuration, duration.TotalSeconds, Tag(BackendTag, backend));
    }

    /// <summary>A lease was lost.</summary>
    /// <param name="backend">The backend's type.</param>
    /// <param name="reason">Why.</param>
    /// <param name="late">How long after the moment at which the loss had to be announced; counted for what ran out.</param>
    public static void Lost(string backend, LostReason reason, TimeSpan late)
    {
        if (s_lossDelay.Enabled && reason is (LostReason.Expired or LostReason.MaxHoldReached))
            Measure(s_lossDelay, late.TotalSeconds, Tag(BackendTag, backend));
        if (s_losses.Enabled)
            Count(s_losses, Tag(BackendTag, backend), Tag(ReasonTag, reason.ToString()));
    }

    public static void StoreFailed(string backend, string step, string error)
    {
        if (s_storeFailures.Enabled)
            Count(s_storeFailures, Tag(BackendTag, backend), Tag(StepTag, step), Tag("error.type", error));
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private static void Measure(Histogram<double> histogram, double value, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            histogram.Record(value, tags);
        }
        catch (Exception exception)
        {
            Debug.WriteLine(exception);
        }
    }

    private static void Count(Counter<long> counter, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            counter.Add(1, tags);
        }
        catch (Exception exception)
        {
            Debug.WriteLine(exception);
        }
    }

    private static void Count(UpDownCounter<long> counter, long by, string backend)
    {
        try
        {
            counter.Add(by, Tag(BackendTag, backend));
        }
        catch (Exception exception)
        {
            Debug.WriteLine(exception);
        }
    }
}
