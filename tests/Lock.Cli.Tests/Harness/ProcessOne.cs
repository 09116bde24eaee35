using System.Globalization;
using System.Runtime.InteropServices;

namespace Locking.Cli.Tests;

/// <summary>While it lives, orphans come to this process, as they come to process 1, and it reaps none, as in many a container.</summary>
internal sealed partial class ProcessOne : IDisposable
{
    private const int SetChildSubreaper = 36;

    private readonly List<(string Pid, string Name)> _before = All();

    public ProcessOne() => Assert.Equal(0, prctl(SetChildSubreaper, 1, 0, 0, 0));

    /// <summary>The processes that have ended since and wait for this one to reap them, with the names of their programs.</summary>
    public List<(string Pid, string Name)> Unreaped() => [.. All().Except(_before)];

    public void Dispose() => Assert.Equal(0, prctl(SetChildSubreaper, 0, 0, 0, 0));

    private static List<(string Pid, string Name)> All()
    {
        string us = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        var found = new List<(string Pid, string Name)>();
        foreach (string? directory in Directory.EnumerateDirectories("/proc").Where(static d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            try
            {
                string stat = File.ReadAllText($"{directory}/stat");
                string[] rest = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (rest[0] == "Z" && rest[1] == us)
                    found.Add(
                        (Path.GetFileName(directory), stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..stat.LastIndexOf(')')]));
            }
            catch (IOException)
            {
                // It was reaped meanwhile.
            }
        }

        return found;
    }

    [LibraryImport("libc")]
    private static partial int prctl(int option, nuint second, nuint third, nuint fourth, nuint fifth);
}
