using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Locking.Bench.Latency;

/// <summary>Does things a fixed time after they were handed over, in that order, on a thread of its own: timers of the thread pool know
/// whole milliseconds only, and come when the pool has time.</summary>
internal sealed partial class DelayLine : IDisposable
{
    private readonly BlockingCollection<(long Due, Action Act)> _line = [];
    private readonly TimeProvider _time;
    private readonly Action<TimeSpan> _sleep;
    private readonly Thread _thread;
    private long _delayTicks;

    public DelayLine()
        : this(TimeProvider.System, Sleep)
    {
    }

    /// <summary>A line with a clock of its own.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="sleep">Returns when that much time has passed on the clock, or earlier.</param>
    public DelayLine(TimeProvider time, Action<TimeSpan> sleep)
    {
        _time = time;
        _sleep = sleep;
        _thread = new Thread(Run) { IsBackground = true, Name = "delay line" };
        _thread.Start();
    }

    /// <summary>How much later things are done; of those that are handed over from now on.</summary>
    public TimeSpan Delay
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _delayTicks));
        set => Interlocked.Exchange(ref _delayTicks, value.Ticks);
    }

    /// <summary>Hands something over. It may not throw.</summary>
    public void Add(Action act)
    {
        long later = (long)(Delay.TotalSeconds * _time.TimestampFrequency);
        try
        {
            _line.Add((_time.GetTimestamp() + later, act));
        }
        catch (InvalidOperationException)
        {
            // The line is closed: nobody waits for it any more.
        }
    }

    public void Dispose()
    {
        _line.CompleteAdding();
        _thread.Join();
        _line.Dispose();
    }

    private void Run()
    {
        foreach ((long due, Action act) in _line.GetConsumingEnumerable())
        {
            while (due - _time.GetTimestamp() is > 0 and long left)
                _sleep(TimeSpan.FromSeconds((double)left / _time.TimestampFrequency));
            act();
        }
    }

    private static void Sleep(TimeSpan time)
    {
        if (OperatingSystem.IsWindows())
        {
            Thread.Sleep(time < TimeSpan.FromMilliseconds(2) ? TimeSpan.Zero : time);
            return;
        }

        TimeSpec asked = new() { Seconds = (nint)time.Ticks / (nint)TimeSpan.TicksPerSecond,
            Nanoseconds = (nint)(time.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick) };
        _ = nanosleep(asked, 0);
    }

    [LibraryImport("libc")]
    private static partial int nanosleep(in TimeSpec asked, nint left);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
