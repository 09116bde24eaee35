using System.Runtime.InteropServices;

namespace Locking;

/// <summary>The system's time, as leases need it.</summary>
/// <remarks>
/// <para>
/// The timestamps run on while the machine is suspended, as the backend's clock does, and nobody can set them: <c>CLOCK_BOOTTIME</c> on
/// Linux, <c>CLOCK_MONOTONIC_RAW</c> on macOS, the interrupt time on Windows. Those of <see cref="TimeProvider.System"/> stand still
/// meanwhile on Linux and macOS. Where the system has no such clock they are used all the same.
/// </para>
/// <para>
/// A timer of this clock keeps nothing of the flow (tenant, request, trace) of whoever makes it.
/// </para>
/// </remarks>
internal partial class SystemClock : TimeProvider
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    public static readonly SystemClock Instance = Choose();

    private SystemClock()
    {
    }

    /// <summary>This clock where the system's is meant, else the clock itself.</summary>
    public static TimeProvider InPlaceOf(TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        return ReferenceEquals(time, System) ? Instance : time;
    }

    /// <inheritdoc/>
    public sealed override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (ExecutionContext.IsFlowSuppressed())
            return base.CreateTimer(callback, state, dueTime, period);
        using (ExecutionContext.SuppressFlow())
            return base.CreateTimer(callback, state, dueTime, period);
    }

    private static SystemClock Choose()
    {
        try
        {
            SystemClock? clock = OperatingSystem.IsLinux() && Environment.Is64BitProcess ? new LinuxClock()
                : OperatingSystem.IsMacOS() ? new MacClock()
                : OperatingSystem.IsWindows() ? new WindowsClock()
                : null;
            if (clock?.GetTimestamp() > 0)
                return clock;
        }
        catch (Exception missing) when (missing is DllNotFoundException or EntryPointNotFoundException)
        {
            // An older system.
        }

        return new SystemClock();
    }

    // Classes, not cases: the compiler looks for a function of the system as soon as it compiles a method that calls it.
    private sealed unsafe partial class LinuxClock : SystemClock
    {
        private const int BootTime = 7;

        public override long TimestampFrequency => NanosecondsPerSecond;

        public override long GetTimestamp()
        {
            TimeSpec now;
            return GetTime(BootTime, &now) == 0 ? (now.Seconds * NanosecondsPerSecond) + now.Nanoseconds : 0;
        }

        [LibraryImport("libc", EntryPoint = "clock_gettime")]
        [SuppressGCTransition]
        private static partial int GetTime(int clock, TimeSpec* time);

        /// <summary>The system's own, where a long is as wide as a pointer.</summary>
        private struct TimeSpec
        {
            public long Seconds;
            public long Nanoseconds;
        }
    }

    private sealed partial class MacClock : SystemClock
    {
        private const int MonotonicRaw = 4;

        public override long TimestampFrequency => NanosecondsPerSecond;

        public override long GetTimestamp() => (long)GetNanoseconds(MonotonicRaw);

        [LibraryImport("libc", EntryPoint = "clock_gettime_nsec_np")]
        [SuppressGCTransition]
        private static partial ulong GetNanoseconds(int clock);
    }

    private sealed partial class WindowsClock : SystemClock
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp()
        {
            QueryInterruptTime(out ulong ticks);
            return (long)ticks;
        }

        [LibraryImport("kernelbase", EntryPoint = "QueryInterruptTimePrecise")]
        private static partial void QueryInterruptTime(out ulong ticks);
    }
}
