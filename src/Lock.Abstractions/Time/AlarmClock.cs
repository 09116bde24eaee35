using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Rings alarms on time. One for each <see cref="TimeProvider"/>.</summary>
/// <remarks>
/// For the system's clock the alarms ring on one thread of their own: a timer of the thread pool was seen 800 ms late under starvation,
/// and one blocking callback delays the next. For any other clock (a test's) they ring where that clock runs its timers.
/// </remarks>
internal abstract class AlarmClock
{
    /// <summary>While alarms are set, the clock looks this often whether the machine was suspended meanwhile, or the wall clock has
    /// stepped.</summary>
    private protected static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(1);

    /// <summary>A wall clock that went this much faster or slower than the other between two looks was set, or shows what the other cannot
    /// see.</summary>
    internal static readonly TimeSpan SmallestStep = TimeSpan.FromMilliseconds(100);

    /// <summary>Between two readings that belong together: more means that this thread was kept from running, and the look tells
    /// nothing.</summary>
    private static readonly TimeSpan s_longestReading = TimeSpan.FromMilliseconds(20);

    private static readonly ConditionalWeakTable<TimeProvider, AlarmClock> s_ofProviders = [];

    private readonly Lock _gate = new();
    private readonly DueHeap<Alarm> _heap = new();
    private long _lastLook;
    private DateTimeOffset _lastWall;

    /// <summary>When the clock looks again by itself. Guarded by the gate.</summary>
    private long _looksAt = long.MaxValue;

    private protected AlarmClock(TimeProvider time) => Clock = new LeaseClock(time);

    public LeaseClock Clock { get; }

    public TimeProvider Time => Clock.Time;

    public static AlarmClock For(TimeProvider time) =>
        ReferenceEquals(time, SystemClock.Instance)
            ? ThreadAlarmClock.Instance
            : s_ofProviders.GetValue(time, static provider => new TimerAlarmClock(provider));

    /// <summary>Sets or moves an alarm. One that is due already rings as soon as the clock gets to it.</summary>
    public void Set(Alarm alarm, long due)
    {
        bool isTooLate;
        lock (_gate)
        {
            if (_heap.Count == 0)
                _ = LookUnsynchronized(); // nobody asked what the clocks did before
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
            if (_heap.Count == 0)
            {
                _looksAt = long.MaxValue;
                return null;
            }

            long now = Time.GetTimestamp();
            TimeSpan left = Time.GetElapsedTime(now, _heap.Earliest);
            left = left < TimeSpan.Zero ? TimeSpan.Zero : left < LongestSleep ? left : LongestSleep;
            _looksAt = now + Clock.ToTimestampTicks(left);
            return left;
        }
    }

    /// <summary>Rings everything that is due, after it has told everything that is set of a step of the wall clock.</summary>
    private protected void RingDue()
    {
        Alarm[] told = [];
        TimeSpan gained;
        lock (_gate)
        {
            gained = _heap.Count == 0 ? TimeSpan.Zero : LookUnsynchronized();
            if (gained.Duration() > SmallestStep)
                told = _heap.ToArray();
        }

        foreach (Alarm alarm in told)
            alarm.OnClockStep(gained);
        while (TakeDue() is { } alarm)
            alarm.Ring();
    }

    private Alarm? TakeDue()
    {
        lock (_gate)
        {
            if (_heap.First is not { } first || _heap.Earliest > Time.GetTimestamp())
                return null;
            _heap.Remove(first);
            return first;
        }
    }

    /// <summary>Reads both clocks.</summary>
    /// <returns>What the wall clock has gained since the last look.</returns>
    private TimeSpan LookUnsynchronized()
    {
        long now = Time.GetTimestamp();
        DateTimeOffset wall = Time.GetUtcNow();
        if (Time.GetElapsedTime(now) > s_longestReading)
            return TimeSpan.Zero; // the next look sees it
        TimeSpan gained = wall - _lastWall - Time.GetElapsedTime(_lastLook, now);
        _lastLook = now;
        _lastWall = wall;
        return gained;
    }
}
