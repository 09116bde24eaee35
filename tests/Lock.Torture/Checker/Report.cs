namespace Locking.Torture;

/// <summary>What is told of a history: its figures, and what it breaks.</summary>
public static class Report
{
    /// <summary>Prints figures and violations, with the timeline of the first, and saves its picture.</summary>
    /// <returns>The figures; nothing is broken where they have no violations.</returns>
    public static Figures Print(History history, string? picture)
    {
        IReadOnlyList<Violation> violations = Specification.Check(history);
        Figures figures = Figures.Of(history, violations.Count);
        Console.WriteLine(figures);
        Console.WriteLine(violations.Count == 0
            ? "  no violation"
            : "  VIOLATIONS: "
                + string.Join(", ", violations.GroupBy(static one => one.Rule).Select(static rule => $"{rule.Key} {rule.Count()}")));
        foreach (Violation one in violations.Take(8))
            Console.WriteLine($"  {one.Rule}: {one.Text}");
        if (violations.Count == 0)
            return figures;
        Console.WriteLine(Timeline.Of(history, violations[0], TimeSpan.FromMilliseconds(100)));
        if (picture is not null)
        {
            File.WriteAllText(picture, Picture.Of(history, violations[0], TimeSpan.FromMilliseconds(100)));
            Console.WriteLine($"  picture: {picture}");
        }

        return figures;
    }
}
