using System.Globalization;

namespace Locking.Torture;

/// <summary>What happened around a violation, line by line.</summary>
public static class Timeline
{
    /// <summary>The lines of its key, and of what the nemesis did, around it.</summary>
    /// <param name="history">The history.</param>
    /// <param name="violation">What was found.</param>
    /// <param name="around">How much before and after it is shown beside its attempts.</param>
    public static string Of(History history, Violation violation, TimeSpan around)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(violation);
        (long from, long to) = Span(violation, around);
        var text = new System.Text.StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{violation.Rule}: {violation.Text}");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"  {history.Promise.Backend}, seed {history.Promise.Seed}, {Ms(violation.At - history.Events[0].At)} ms after the beginning. "
                + $"Times in ms, 0 is the moment of the violation:");
        foreach (HistoryEvent? one in history.Events.Where(one => one.At >= from && one.At <= to
            && (one.Key == violation.Key || one.Key.Length == 0))
            .Where(one => one.Kind != EventKind.Gap || one.At - one.Number > history.Promise.Margin))
        {
            string number = one.Kind is EventKind.Lost or EventKind.Gap or EventKind.Mended or EventKind.Forgot
                ? $"since {Ms(one.Number - violation.At)}"
                : one.Kind is EventKind.Granted or EventKind.Extended
                ? one.Number == long.MaxValue ? "renewed" : $"until {Ms(one.Number - violation.At)}"
                : one.Kind == EventKind.Asked ? one.Number < 0 ? "for ever" : $"for {Ms(one.Number)}"
                : one.Kind is EventKind.Read or EventKind.Wrote or EventKind.Stale ? $"{one.Number}" : "";
            string line = string.Create(CultureInfo.InvariantCulture,
                $"  {(violation.Attempts.Any(attempt => attempt.Id == one.Attempt) ? ">" : " ")} {Ms(one.At - violation.At),10} "
                    + $"{one.Process,-9} {one.Kind,-9} {one.Attempt,-12} {number} {(one.Token is { } token ? $"token {token}" : "")} "
                    + $"{one.Text}");
            text.AppendLine(line.TrimEnd());
        }

        return text.ToString();
    }

    /// <summary>The time that a violation is about.</summary>
    internal static (long From, long To) Span(Violation violation, TimeSpan around)
    {
        (long from, long to) = (violation.At, violation.At);
        foreach (Attempt attempt in violation.Attempts)
        {
            from = Math.Min(from, attempt.Granted ?? attempt.Asked);
            to = Math.Max(to, Math.Min(attempt.Released ?? attempt.SureEnd, violation.At + (around.Ticks * 10)));
        }

        return (Math.Max(from, violation.At - (around.Ticks * 10)) - around.Ticks, to + around.Ticks);
    }

    private static string Ms(long ticks) =>
        string.Create(CultureInfo.InvariantCulture, $"{TimeSpan.FromTicks(ticks).TotalMilliseconds:0.000}");
}
