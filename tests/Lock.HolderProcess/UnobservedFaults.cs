using System.Runtime.CompilerServices;

/// <summary>Tasks of this process that ended with a fault that nobody looked at: said at once,
/// and at its end they are its exit code.</summary>
internal static class UnobservedFaults
{
    public const int ExitCode = 70;

    private static int s_seen;

    public static void Listen() => TaskScheduler.UnobservedTaskException += static (_, told) =>
    {
        Interlocked.Increment(ref s_seen);
        Console.Error.WriteLine($"unobserved: {told.Exception}");
    };

    /// <summary>What the process ends with.</summary>
    public static async Task<int> ExitCodeAfterAsync(int code)
    {
        // What ends in the background behind the last step comes within the second round.
        for (int round = 0; round < 3; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        return Volatile.Read(ref s_seen) == 0 ? code : ExitCode;
    }

    /// <summary>Not inlined: the task must be nobody's when this has returned.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int LeaveOne()
    {
        _ = Task.FromException(new InvalidOperationException("left behind"));
        return 0;
    }
}
