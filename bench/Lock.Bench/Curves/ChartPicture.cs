using System.Globalization;
using System.Text;

namespace Locking.Bench.Curves;

/// <summary>A chart as SVG.</summary>
/// <remarks>Without a background, in colours of middle brightness: it is read on white and on black alike. Peers are dashed and have hollow
/// marks, so that nothing depends on colours alone.</remarks>
internal static class ChartPicture
{
    private const int Left = 78;
    private const int Top = 40;
    private const int Wide = 540;
    private const int High = 320;
    private const int LegendWide = 200;
    private const int LegendLine = 22;
    private const string Ink = "#737b84";
    private const string Grid = "#737b844d";

    private static readonly string[] s_colours =
        ["#2f81d6", "#d9730d", "#2a9d5c", "#a15bd0", "#d64562", "#1b9aaa", "#a8852a", "#8a8f98"];

    /// <summary>Draws it.</summary>
    public static string Of(Chart chart)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Left + Wide + LegendWide} {Top + High + 56}\" ");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"width=\"{Left + Wide + LegendWide}\" height=\"{Top + High + 56}\" font-family=\"sans-serif\" font-size=\"12\" "
                + $"fill=\"{Ink}\">");
        text.AppendLine(CultureInfo.InvariantCulture, $"<title>{Escape(chart.Title)}</title>");
        text.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"22\" font-size=\"15\">{Escape(chart.Title)}</text>");
        IEnumerable<Point> points = chart.Series.SelectMany(static series => series.Points).Where(IsShown).ToList();
        LogAxis x = new(points.Select(static point => point.X), Left, Left + Wide);
        LogAxis y = new(points.Select(static point => point.Y), Top + High, Top);
        DrawAxes(text, chart, x, y);
        for (int i = 0; i < chart.Series.Count; i++)
            DrawSeries(text, chart.Series[i], s_colours[i % s_colours.Length], Top + 8 + (i * LegendLine), x, y);
        return text.AppendLine("</svg>").ToString();
    }

    private static void DrawAxes(StringBuilder text, Chart chart, LogAxis x, LogAxis y)
    {
        foreach ((double at, string label) in x.Decades)
        {
            DrawLine(text, at, Top, at, Top + High, Grid);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"<text x=\"{at}\" y=\"{Top + High + 18}\" text-anchor=\"middle\">{label}</text>");
        }

        foreach ((double at, string label) in y.Decades)
        {
            DrawLine(text, Left, at, Left + Wide, at, Grid);
            text.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Left - 8}\" y=\"{at + 4}\" text-anchor=\"end\">{label}</text>");
        }

        foreach (double at in x.Between)
            DrawLine(text, at, Top + High - 4, at, Top + High, Ink);
        foreach (double at in y.Between)
            DrawLine(text, Left, at, Left + 4, at, Ink);
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<rect x=\"{Left}\" y=\"{Top}\" width=\"{Wide}\" height=\"{High}\" fill=\"none\" stroke=\"{Ink}\"/>");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<text x=\"{Left + (Wide / 2)}\" y=\"{Top + High + 42}\" text-anchor=\"middle\">{Escape(chart.XAxis)}</text>");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<text transform=\"translate(16 {Top + (High / 2)}) rotate(-90)\" text-anchor=\"middle\">{Escape(chart.YAxis)}</text>");
    }

    private static void DrawSeries(StringBuilder text, Series series, string colour, int legend, LogAxis x, LogAxis y)
    {
        string dashes = series.IsPeer ? " stroke-dasharray=\"6 4\"" : "";
        string inside = series.IsPeer ? "none" : colour;
        List<(double X, double Y, Point Point)> places = [.. series.Points.Where(IsShown)
            .Select(point => (x.Place(point.X), y.Place(point.Y), point))];
        string line = string.Join(' ', places.Select(static place => FormattableString.Invariant($"{place.X},{place.Y}")));
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>");
        foreach ((double at, double high, Point point) in places)
        {
            string said = string.Create(CultureInfo.InvariantCulture, $"{series.Name}: {point.X:#,0} → {point.Y:#,0.###}");
            text.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{at}\" cy=\"{high}\" r=\"3.5\" ");
            text.Append(CultureInfo.InvariantCulture, $"fill=\"{inside}\" stroke=\"{colour}\">");
            text.AppendLine(CultureInfo.InvariantCulture, $"<title>{Escape(said)}</title></circle>");
        }

        const int Start = Left + Wide + 16;
        text.AppendLine(CultureInfo.InvariantCulture,
            $"<path d=\"M{Start} {legend}h28\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>");
        text.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Start + 36}\" y=\"{legend + 4}\">{Escape(series.Name)}</text>");
    }

    private static void DrawLine(StringBuilder text, double x1, double y1, double x2, double y2, string colour) => text.AppendLine(
        CultureInfo.InvariantCulture, $"<path d=\"M{x1} {y1}L{x2} {y2}\" stroke=\"{colour}\"/>");

    private static bool IsShown(Point point) => LogAxis.IsShown(point.X) && LogAxis.IsShown(point.Y);

    private static string Escape(string text) => System.Security.SecurityElement.Escape(text);
}
