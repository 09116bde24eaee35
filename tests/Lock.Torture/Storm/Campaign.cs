using System.Text.Json;

namespace Locking.Torture;

/// <summary>Many runs of one backend, one after the other, until there are enough of them.</summary>
/// <remarks>
/// Of four runs one is <i>dense</i>, as <c>run</c> is by default: few keys, long turns, a fault as soon as the last one has ended. The
/// others are <i>fast</i>: more keys, short turns and some calm between the faults, so that many grants stand beside each. The figures of
/// each run are a line of a file, to which every further campaign of any backend may add; <see cref="Print"/> makes a table of it.
/// </remarks>
/// <param name="storm">What all runs have in common. Its seed is the first.</param>
/// <param name="file">The file of figures. It is made where there is none.</param>
public sealed class Campaign(StormOptions storm, string file)
{
    /// <summary>Runs until both are reached: the time, and the number of grants. What the file has of the backend already counts.</summary>
    /// <param name="time">How long all runs together take at least.</param>
    /// <param name="grants">How many grants they have at least.</param>
    /// <param name="most">No further run begins after that time, reached or not.</param>
    /// <returns>Whether nothing was broken in these runs.</returns>
    public async Task<bool> RunAsync(TimeSpan time, int grants, TimeSpan most)
    {
        bool isGood = true;
        long end = HistoryLog.Now + most.Ticks;
        for (int seed = storm.Seed; HistoryLog.Now < end && !IsEnough(time, grants); seed++)
        {
            StormOptions slice = Slice(seed);
            Figures figures = Report.Print(await Storm.RunAsync(slice), Path.Combine(slice.Folder, "violation.svg"));
            await File.AppendAllTextAsync(file, JsonSerializer.Serialize(figures) + "\n");
            if (figures.Violations == 0)
                Directory.Delete(slice.Folder, recursive: true);
            else
                Console.WriteLine($"  the history: check {slice.Folder}");
            isGood &= figures.Violations == 0;
        }

        return isGood;
    }

    /// <summary>Prints a table: a row for each backend of the file.</summary>
    /// <param name="file">The file of figures.</param>
    public static void Print(string file)
    {
        Console.WriteLine(Figures.Head);
        foreach (IGrouping<string, Figures> ofBackend in Read(file).GroupBy(static one => one.Backend))
            Console.WriteLine(Figures.Sum([.. ofBackend]).ToRow());
    }

    private static IEnumerable<Figures> Read(string file) =>
        File.Exists(file) ? File.ReadLines(file).Select(static line => JsonSerializer.Deserialize<Figures>(line)!) : [];

    private bool IsEnough(TimeSpan time, int grants)
    {
        List<Figures> all = [.. Read(file).Where(one => one.Backend == $"{storm.Backend}/{storm.Client}")];
        return all.Sum(static one => one.Seconds) >= time.TotalSeconds && all.Sum(static one => one.Grants) >= grants;
    }

    private StormOptions Slice(int seed)
    {
        StormOptions slice = storm with { Seed = seed, Folder = $"{storm.Folder}-{seed}" };
        return seed % 4 == 0 ? slice : slice with { Keys = 24, Tasks = 8, Variety = 4000, Pause = 5 };
    }
}
