using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Rings alarms on time. One for each <see cref="TimeProvider"/>.</summary>
/// <remarks>
/// For the system's clock the alarms ring on one thread of their own: a timer of the thread pool was seen 800 ms late under starvation,
/// and one blocking callback delays the next. For any other clock (a test's) they ring where that clock runs its timers.
/// </remarks>
internal abstract class AlarmClock
{
    /// <summary>While alarms are set, the clock looks this often whether the machine was suspended meanwhile.</summary>
    private protected static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(1);

    /// <summary>A wall clock that gained more than this on the monotonic one means a suspended machine (or a clock set forward).</summary>
    private static readonly TimeSpan SuspensionThreshold = TimeSpan.FromMilliseconds(100);

    private static readonly ConditionalWeakTable<TimeProvider, AlarmClock> OfProviders = [];

    private readonly Lock _gate = new();
    private readonly AlarmHeap _heap = new();
    private LeaseInstant _lastLook;

    /// <summary>When the clock looks again by itself. Guarded by the gate.</summary>
    private long _looksAt = long.MaxValue;

    private protected AlarmClock(TimeProvider time) => Clock = new LeaseClock(time);

    private protected LeaseClock Clock { get; }

    public TimeProvider Time => Clock.Time;

    public static AlarmClock For(TimeProvider time) =>
        ReferenceEquals(time, TimeProvider.System)
            ? ThreadAlarmClock.Instance
            : OfProviders.GetValue(time, static provider => new TimerAlarmClock(provider));

    /// <summary>Sets or moves an alarm. One that is due already rings as soon as the clock gets to it.</summary>
    public void Set(Alarm alarm, long due)
    {
        bool isTooLate;
        lock (_gate)
        {
            if (_heap.Count == 0)
                _lastLook = Clock.Now;
            _heap.Set(alarm, due);

            // Most alarms are taken back long before they are due: waking the clock for each would cost two context switches a lock.
            isTooLate = due < _looksAt;
        }

        if (isTooLate)
            LookEarlier();
    }

    /// <summary>Takes an alarm back. One that is ringing right now may still ring once.</summary>
    public void Cancel(Alarm alarm)
    {
        lock (_gate)
            _heap.Remove(alarm);
    }

    /// <summary>An alarm is due before the clock would look again.</summary>
    private protected abstract void LookEarlier();

    /// <summary>How long the clock may sleep from now on; null when no alarm is set.</summary>
    /// <remarks>The caller does sleep no longer than that, or is woken by <see cref="LookEarlier"/>.</remarks>
    private protected TimeSpan? UntilNext()
    {
        lock (_gate)
        {
            if (_heap.First is not { } first)
            {
                _looksAt = long.MaxValue;
                return null;
            }

            var now = Time.GetTimestamp();
            var left = Time.GetElapsedTime(now, first.Due);
            left = left < TimeSpan.Zero ? TimeSpan.Zero : left < LongestSleep ? left : LongestSleep;
            _looksAt = now + Clock.ToTimestampTicks(left);
            return left;
        }
    }

    /// <summary>Rings everything that is due, and everything that is set when the machine was suspended: each alarm then looks at both
    /// clocks itself, and is set again where there is still time.</summary>
    private protected void RingDue()
    {
        foreach (var alarm in TakeAllAfterSuspension())
            alarm.Ring();
        while (TakeDue() is { } alarm)
            alarm.Ring();
    }

    private Alarm? TakeDue()
    {
        lock (_gate)
        {
            if (_heap.First is not { } first || first.Due > Time.GetTimestamp())
                return null;
            _heap.Remove(first);
            return first;
        }
    }

    private List<Alarm> TakeAllAfterSuspension()
    {
        var taken = new List<Alarm>();
        lock (_gate)
        {
            if (_heap.Count == 0)
                return taken;
            var suspended = Clock.ElapsedSince(_lastLook) - Time.GetElapsedTime(_lastLook.Timestamp) > SuspensionThreshold;
            _lastLook = Clock.Now;
            while (suspended && _heap.First is { } first)
            {
                _heap.Remove(first);
                taken.Add(first);
            }
        }

        return taken;
    }
}
