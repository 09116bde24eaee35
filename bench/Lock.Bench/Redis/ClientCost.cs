using System.Diagnostics;
using System.Globalization;

namespace Locking.Bench.Redis;

/// <summary>What this process has used so far.</summary>
internal readonly record struct ClientCost(double Microseconds, double Bytes, double Switches)
{
    public static ClientCost Read()
    {
        using var self = Process.GetCurrentProcess();
        return new ClientCost(self.TotalProcessorTime.TotalMicroseconds, GC.GetTotalAllocatedBytes(precise: true), SwitchesOfAllThreads());
    }

    public ClientCost Since(ClientCost before) => new(Microseconds - before.Microseconds, Bytes - before.Bytes, Switches - before.Switches);

    public string Per(int operations) => string.Create(
        CultureInfo.InvariantCulture,
        $"client {Microseconds / operations:0.0} µs of processor, {Bytes / operations:0} bytes, "
            + $"{Switches / operations:0.0} thread switches");

    /// <summary>Linux only; elsewhere 0.</summary>
    private static double SwitchesOfAllThreads()
    {
        if (!OperatingSystem.IsLinux())
            return 0;
        long switches = 0L;
        foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            try
            {
                foreach (string line in File.ReadLines(Path.Combine(task, "status")))
                {
                    if (line.Contains("ctxt_switches", StringComparison.Ordinal))
                        switches += long.Parse(line.AsSpan(line.IndexOf(':', StringComparison.Ordinal) + 1).Trim(),
                            CultureInfo.InvariantCulture);
                }
            }
            catch (IOException)
            {
                // A thread that has ended meanwhile.
            }
        }

        return switches;
    }
}
