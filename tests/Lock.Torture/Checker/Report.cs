using System.Globalization;

namespace Locking.Torture;

/// <summary>The figures of a history, and what it breaks.</summary>
public static class Report
{
    /// <summary>One line of figures.</summary>
    public static string Figures(History history)
    {
        ArgumentNullException.ThrowIfNull(history);
        var holds = history.Attempts.Where(static one => one.Granted is not null).ToList();
        var late = holds.Where(static one => one.Due != long.MaxValue && one.Lost is not null)
            .Select(one =>
                Ms(Math.Max(0,
                    one.Lost!.Value.At - one.Due - history.Withheld(one.Process, one.Due - history.Promise.Margin, one.Lost.Value.At))))
            .Order().ToList();
        var faults = history.Events.Where(static one => one.Kind == EventKind.Fault).GroupBy(static one => one.Text)
            .Select(static kind => $"{kind.Key} {kind.Count()}").Order(StringComparer.Ordinal);
        var stale = history.Events.Count(static one => one.Kind == EventKind.Stale);
        var recovery = history.Healed is { } healed
            ? holds.Where(one => one.Granted > healed).GroupBy(static one => one.Process)
                .Select(one => Ms(one.Min(static hold => hold.Granted!.Value) - healed)).DefaultIfEmpty(0).Max()
            : 0;
        return string.Create(CultureInfo.InvariantCulture,
            $"{history.Promise.Backend} seed {history.Promise.Seed}: "
            + $"{TimeSpan.FromTicks(history.Events[^1].At - history.Events[0].At).TotalSeconds:0} s, "
            + $"{history.Attempts.Count} attempts, "
            + $"{holds.Count} grants, {holds.Count(static one => one.Lost is not null)} lost, {stale} stale steps refused; "
            + $"announced late ({late.Count}): p99 {(late.Count > 0 ? late[(int)((late.Count - 1) * 0.99)] : 0):0.0} ms, max "
            + $"{late.LastOrDefault():0.0} ms; "
            + $"all served again after {recovery:0} ms; faults: {string.Join(", ", faults)}");
    }

    /// <summary>Prints figures and violations, with the timeline of the first, and saves its picture.</summary>
    /// <returns>Whether nothing is broken.</returns>
    public static bool Print(History history, string? picture)
    {
        var violations = Specification.Check(history);
        Console.WriteLine(Figures(history));
        Console.WriteLine(violations.Count == 0
            ? "  no violation"
            : "  VIOLATIONS: "
                + string.Join(", ", violations.GroupBy(static one => one.Rule).Select(static rule => $"{rule.Key} {rule.Count()}")));
        foreach (var one in violations.Take(8))
            Console.WriteLine($"  {one.Rule}: {one.Text}");
        if (violations.Count == 0)
            return true;
        Console.WriteLine(Timeline.Of(history, violations[0], TimeSpan.FromMilliseconds(100)));
        if (picture is not null)
        {
            File.WriteAllText(picture, Picture.Of(history, violations[0], TimeSpan.FromMilliseconds(100)));
            Console.WriteLine($"  picture: {picture}");
        }

        return false;
    }

    private static double Ms(long ticks) => TimeSpan.FromTicks(ticks).TotalMilliseconds;
}
