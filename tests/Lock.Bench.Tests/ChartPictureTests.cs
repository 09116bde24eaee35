using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Locking.Bench.Curves;

namespace Locking.Bench.Tests;

public sealed partial class ChartPictureTests
{
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    private static readonly Chart s_chart = new(
        "some", "Title <&>", "waiters", "µs for a hand-off",
        [
            new Series("ours", [new Point(1, 10), new Point(10, 100), new Point(100, 1000)]),
            new Series("theirs & others", [new Point(1, double.PositiveInfinity), new Point(10, 0), new Point(100, 3)], IsPeer: true),
            new Series("none", []),
            .. Enumerable.Range(0, 6).Select(static i => new Series($"more {i}", [new Point(1, 1 + i)])),
        ]);

    private static readonly XElement s_picture = XElement.Parse(ChartPicture.Of(s_chart));

    [Fact]
    public void Each_series_is_a_line_through_what_could_be_measured()
    {
        string[][] lines =
            [.. s_picture.Elements(s_svg + "polyline")
                .Select(static line => line.Attribute("points")!.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        Assert.Equal([3, 1, 0, 1, 1, 1, 1, 1, 1], lines.Select(static points => points.Length));
        Assert.Equal(10, s_picture.Elements(s_svg + "circle").Count());
        double[][] places = [.. lines[0].Select(static point => Numbers(point))];
        // A decade is as wide as the next one; more is further to the right, and higher.
        Assert.Equal(places[1][0] - places[0][0], places[2][0] - places[1][0], 0.2);
        Assert.Equal(places[0][1] - places[1][1], places[1][1] - places[2][1], 0.2);
        Assert.True(places[1][0] > places[0][0] && places[1][1] < places[0][1]);
    }

    [Fact]
    public void Title_axes_legend_and_decades_are_written()
    {
        List<string> texts = [.. s_picture.Elements(s_svg + "text").Select(static text => text.Value)];
        Assert.All(
            (string[])["Title <&>", "waiters", "µs for a hand-off", "ours", "theirs & others", "1", "10", "100", "1,000"],
            text => Assert.Contains(text, texts));
        Assert.Contains(
            s_picture.Descendants(s_svg + "title"), static title => title.Value == "ours: 100 → 1,000");
    }

    [Fact]
    public void Peers_are_told_by_more_than_a_colour()
    {
        List<XElement> lines = [.. s_picture.Elements(s_svg + "polyline")];
        Assert.Null(lines[0].Attribute("stroke-dasharray"));
        Assert.NotNull(lines[1].Attribute("stroke-dasharray"));
    }

    [Fact]
    public void Every_colour_is_read_on_white_and_on_black()
    {
        string text = s_picture.ToString();
        Assert.DoesNotContain("black", text, StringComparison.Ordinal);
        Assert.DoesNotContain("white", text, StringComparison.Ordinal);
        string[] colours = [.. Colour().Matches(text).Select(static match => match.Groups[1].Value).Distinct()];
        Assert.Equal(9, colours.Length); // eight curves, and the ink
        foreach (string colour in colours)
        {
            Assert.True(Contrast(Light("ffffff"), Light(colour)) >= 3, $"#{colour} on white");
            Assert.True(Contrast(Light(colour), Light("0d1117")) >= 3, $"#{colour} on a dark page");
        }
    }

    private static double[] Numbers(string point) =>
        [.. point.Split(',').Select(static part => double.Parse(part, CultureInfo.InvariantCulture))];

    [GeneratedRegex("\"#([0-9a-f]{6})")]
    private static partial Regex Colour();

    /// <summary>As the W3C's rules for contrast have it, and the relative luminance below.</summary>
    private static double Contrast(double lighter, double darker) => (lighter + 0.05) / (darker + 0.05);

    private static double Light(string colour)
    {
        double[] parts = [.. Enumerable.Range(0, 3).Select(i =>
        {
            double part = int.Parse(colour.AsSpan(i * 2, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255d;
            return part <= 0.04045 ? part / 12.92 : Math.Pow((part + 0.055) / 1.055, 2.4);
        })];
        return (0.2126 * parts[0]) + (0.7152 * parts[1]) + (0.0722 * parts[2]);
    }
}
