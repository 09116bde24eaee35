namespace Locking.Torture;

/// <summary>Finds the exhibits one after another, and says how long it took.</summary>
internal static class MuseumTour
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        int seed = arguments.Number("--seed", 1);
        var atMost = TimeSpan.FromMinutes(arguments.Number("--minutes", 10));
        int missed = 0;
        foreach (Exhibit right in Exhibits.Right)
        {
            (History history, IReadOnlyList<Violation> violations) = await right.RunAsync(seed, TimeSpan.FromSeconds(3));
            Console.WriteLine(
                $"{right.Name}: {history.Attempts.Count(static one => one.Granted is not null)} grants, {violations.Count} violations");
            foreach (Violation? one in violations.Take(5))
                Console.WriteLine($"  {one.Rule} {one.Text}");
            missed += violations.Count > 0 ? 1 : 0;
        }

        foreach (Exhibit? exhibit in Exhibits.All.Where(one => arguments.Words.Count == 0 || arguments.Words.Contains(one.Name)))
        {
            long start = HistoryLog.Now;
            (int Seed, History History, Violation Violation)? found = await exhibit.FindAsync(seed, TimeSpan.FromSeconds(1), atMost);
            double took = TimeSpan.FromTicks(HistoryLog.Now - start).TotalSeconds;
            Console.WriteLine(found is { } one
                ? $"{exhibit.Name}: found in {took:0.0} s, seed {one.Seed}: {one.Violation.Rule}: {one.Violation.Text}"
                : $"{exhibit.Name}: NOT FOUND in {took:0} s");
            missed += found is null ? 1 : 0;
        }

        return missed == 0 ? 0 : 1;
    }
}
