using System.Globalization;
using System.Runtime.InteropServices;

namespace Locking.Cli.Tests;

/// <summary>While it lives, orphans come to this process, as they come to process 1, and it reaps none, as in many a container.</summary>
internal sealed partial class ProcessOne : IDisposable
{
    private const int SetChildSubreaper = 36;

    public ProcessOne() => Assert.Equal(0, prctl(SetChildSubreaper, 1, 0, 0, 0));

    /// <summary>The processes that wait for this one to reap them, by the names of their programs.</summary>
    public static List<string> Unreaped()
    {
        var us = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        var found = new List<string>();
        foreach (var directory in Directory.EnumerateDirectories("/proc").Where(static d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            try
            {
                var stat = File.ReadAllText($"{directory}/stat");
                var rest = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (rest[0] == "Z" && rest[1] == us)
                    found.Add(stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..stat.LastIndexOf(')')]);
            }
            catch (IOException)
            {
                // It was reaped meanwhile.
            }
        }

        return found;
    }

    public void Dispose() => Assert.Equal(0, prctl(SetChildSubreaper, 0, 0, 0, 0));

    [LibraryImport("libc")]
    private static partial int prctl(int option, nuint second, nuint third, nuint fourth, nuint fifth);
}
