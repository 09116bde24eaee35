using System.Globalization;

namespace Locking.Torture;

/// <summary>Who held what when, around a violation, as SVG: a row for each process, a bar for each attempt.</summary>
public static class Picture
{
    private const int Left = 110;
    private const int Wide = 1100;
    private const int Row = 26;

    /// <summary>Draws it.</summary>
    public static string Of(History history, Violation violation, TimeSpan around)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(violation);
        (long from, long to) = Timeline.Span(violation, around);
        var shown = history.Attempts.Where(one =>
            one.Key == violation.Key && one.Asked < to && (one.Released ?? one.Answer?.At ?? one.LastSeen) > from).ToList();
        // A process may have several attempts at once: a row for each of its lanes.
        List<(string Process, long Until)> rows = [];
        Dictionary<Attempt, int> places = [];
        foreach (Attempt? one in shown.OrderBy(static one => one.Process, StringComparer.Ordinal).ThenBy(static one => one.Asked))
        {
            int place = rows.FindIndex(row => row.Process == one.Process && row.Until <= one.Asked);
            if (place < 0)
            {
                rows.Add((one.Process, 0));
                place = rows.Count - 1;
            }

            rows[place] = (one.Process, one.Released ?? one.Answer?.At ?? one.LastSeen);
            places[one] = place;
        }

        var text = new System.Text.StringBuilder();
        int high = (rows.Count * Row) + 90;
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Wide + 20}\" height=\"{high}\" font-family=\"sans-serif\" "
                + $"font-size=\"11\">");
        text.AppendLine("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<text x=\"8\" y=\"16\" font-size=\"13\">{Escape($"{violation.Rule}: {violation.Text}")}</text>");
        string legend = $"{history.Promise.Backend}, key {violation.Key}, seed {history.Promise.Seed}: pale = waits, solid = holds, "
            + "with its token, hatched line = released, red line = lost, grey = no processor";
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<text x=\"8\" y=\"32\" fill=\"#555\">{Escape(legend)}</text>");
        foreach (HistoryEvent? one in history.Events.Where(one => one.Kind == EventKind.Mended && one.At > from && one.Number < to))
            Bar(one.Number, one.At, 38, 12, "#fd9", one.Text);
        foreach ((Attempt one, int place) in places)
            Draw(one, 56 + (place * Row));
        for (int i = 0; i < rows.Count; i++)
            text.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"8\" y=\"{70 + (i * Row)}\">{Escape(rows[i].Process)}</text>");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<line x1=\"{X(violation.At)}\" x2=\"{X(violation.At)}\" y1=\"36\" y2=\"{high - 24}\" stroke=\"red\" stroke-dasharray=\"3 "
                + $"3\"/>");
        for (int i = 0; i <= 10; i++)
        {
            long at = from + ((to - from) / 10 * i);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"<text x=\"{X(at)}\" y=\"{high - 8}\" text-anchor=\"middle\" "
                    + $"fill=\"#555\">{TimeSpan.FromTicks(at - violation.At).TotalMilliseconds:0} ms</text>");
        }

        return text.AppendLine("</svg>").ToString();

        double X(long at) => Math.Round(Left + ((double)(Math.Clamp(at, from, to) - from) / (to - from) * Wide), 1);

        void Bar(long start, long end, int y, int tall, string colour, string label) => text.AppendLine(CultureInfo.InvariantCulture,
            $"<rect x=\"{X(start)}\" y=\"{y}\" width=\"{Math.Max(0.5, X(end) - X(start)):0.0}\" height=\"{tall}\" "
                + $"fill=\"{colour}\"><title>{Escape(label)}</title></rect>");

        void Mark(long at, int y, string colour) =>
            text.AppendLine(CultureInfo.InvariantCulture,
                $"<line x1=\"{X(at)}\" x2=\"{X(at)}\" y1=\"{y - 3}\" y2=\"{y + 21}\" stroke=\"{colour}\" stroke-width=\"2\"/>");

        void Draw(Attempt one, int y)
        {
            Bar(one.Asked, one.Granted ?? one.Answer?.At ?? one.LastSeen, y + 6, 6, "#cde", $"{one} waits");
            foreach (HistoryEvent? gap in history.Events.Where(gap =>
                gap.Process == one.Process && gap.Kind == EventKind.Gap && gap.At > from && gap.Number < to))
                Bar(gap.Number, gap.At, y + 18, 3, "#999", "no processor");
            if (one.Granted is not { } granted || one.SureEnd < granted)
                return;
            Bar(granted, one.SureEnd, y, 18, violation.Attempts.Contains(one) ? "#d55" : "#48a", $"{one} holds with {one.Token}");
            text.AppendLine(CultureInfo.InvariantCulture,
                $"<text x=\"{X(granted) + 2}\" y=\"{y + 13}\" fill=\"white\" font-size=\"9\">{Escape(one.Id)}</text>");
            if (one.Lost is { } lost)
                Mark(lost.At, y, "red");
            if (one.Released is { } released)
                Mark(released, y, "#464");
        }
    }

    private static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
