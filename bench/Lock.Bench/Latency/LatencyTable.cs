using System.Globalization;
using System.Text;

namespace Locking.Bench.Latency;

/// <summary>The figures as a table for the page.</summary>
internal static class LatencyTable
{
    /// <summary>A line for each library: the round trips that were counted, and the times divided by a round trip.</summary>
    public static string Of(IReadOnlyList<LatencyRow> rows)
    {
        StringBuilder text = new();
        IReadOnlyList<LatencyFigure> delays = rows.Count == 0 ? [] : rows[0].At;
        text.Append("| backend | library | counted: lock + unlock | … a hand-off |");
        foreach (LatencyFigure delay in delays)
            text.Append(CultureInfo.InvariantCulture, $" {delay.Nominal} ms: lock + unlock | … a hand-off |");
        text.AppendLine().Append("|---|---|---|---|").AppendJoin("", delays.Select(static _ => "---|---|")).AppendLine();
        foreach (LatencyRow row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Backend} | {row.Library} | {row.Trips:0.0} | {Counted(row.HandOffTrips)} |");
            foreach (LatencyFigure at in row.At)
                text.Append(CultureInfo.InvariantCulture, $" {Taken(at.Cycle, at.CycleTrips)} | {Taken(at.HandOff, at.HandOffTrips)} |");
            text.AppendLine();
        }

        return text.ToString();
    }

    private static string Counted(double? trips) => trips is null ? "–" : string.Create(CultureInfo.InvariantCulture, $"{trips:0.0}");

    private static string Taken(double? milliseconds, double? trips) =>
        milliseconds is null ? "–" : string.Create(CultureInfo.InvariantCulture, $"{trips:0.0} ({milliseconds:0.0} ms)");
}
