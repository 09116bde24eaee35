using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>The alarm clock of the system's time: one background thread for the process, started by the first alarm.</summary>
[SuppressMessage("Design", "CA1001", Justification = "One for the process, as long as the process.")]
internal sealed class ThreadAlarmClock : AlarmClock
{
    public static readonly ThreadAlarmClock Instance = new();

    private readonly AutoResetEvent _wake = new(initialState: false);
    private int _started;

    private ThreadAlarmClock()
        : base(SystemClock.Instance)
    {
    }

    private protected override void LookEarlier()
    {
        if (Volatile.Read(ref _started) == 0 && Interlocked.Exchange(ref _started, 1) == 0)
        {
            new Thread(Run) { IsBackground = true, Name = "Lock alarm clock", Priority = ThreadPriority.AboveNormal }.UnsafeStart();
            return;
        }

        // The event latches: an alarm set between the thread's last look at the heap and its sleep wakes it at once.
        _wake.Set();
    }

    private void Run()
    {
        while (true)
        {
            RingDue();
            if (UntilNext() is not { } left)
                _wake.WaitOne();
            else if (left > TimeSpan.Zero)
                _wake.WaitOne((int)TimerSpan.WholeMilliseconds(left));
        }
    }
}
