namespace Locking.Torture;

/// <summary>Finds the exhibits one after another, and says how long it took.</summary>
internal static class MuseumTour
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var seed = arguments.Number("--seed", 1);
        var atMost = TimeSpan.FromMinutes(arguments.Number("--minutes", 10));
        var missed = 0;
        foreach (var right in Exhibits.Right)
        {
            var (history, violations) = await right.RunAsync(seed, TimeSpan.FromSeconds(3));
            Console.WriteLine(
                $"{right.Name}: {history.Attempts.Count(static one => one.Granted is not null)} grants, {violations.Count} violations");
            foreach (var one in violations.Take(5))
                Console.WriteLine($"  {one.Rule} {one.Text}");
            missed += violations.Count > 0 ? 1 : 0;
        }

        foreach (var exhibit in Exhibits.All.Where(one => arguments.Words.Count == 0 || arguments.Words.Contains(one.Name)))
        {
            var start = HistoryLog.Now;
            var found = await exhibit.FindAsync(seed, TimeSpan.FromSeconds(1), atMost);
            var took = TimeSpan.FromTicks(HistoryLog.Now - start).TotalSeconds;
            Console.WriteLine(found is { } one
                ? $"{exhibit.Name}: found in {took:0.0} s, seed {one.Seed}: {one.Violation.Rule}: {one.Violation.Text}"
                : $"{exhibit.Name}: NOT FOUND in {took:0} s");
            missed += found is null ? 1 : 0;
        }

        return missed == 0 ? 0 : 1;
    }
}
