using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Locking.Bench.Latency;

namespace Locking.Bench.Tests;

/// <summary>What the programs write into the page of the benchmarks, and beside it.</summary>
public sealed partial class PageTests
{
    private static readonly string s_folder = FindFolder();
    private static readonly string s_page = File.ReadAllText(Path.Combine(s_folder, "README.md"));

    [Fact]
    public void A_marked_place_is_filled_and_the_rest_stays()
    {
        const string Page = "before\n<!-- it begins -->\nold\nolder\n<!-- it ends -->\nafter\n";
        Assert.Equal("before\n<!-- it begins -->\nnew\n<!-- it ends -->\nafter\n", MarkedPlace.Fill(Page, "it", "new\n"));
        Assert.Throws<InvalidOperationException>(static () => MarkedPlace.Fill(Page, "other", "new"));
        Assert.Throws<InvalidOperationException>(static () => MarkedPlace.Fill("<!-- it ends --><!-- it begins -->", "it", "new"));
    }

    [Fact]
    public void The_page_has_a_place_for_the_table_of_delays() =>
        Assert.Contains("a table", MarkedPlace.Fill(s_page, "latency", "a table"), StringComparison.Ordinal);

    [Fact]
    public void Every_picture_of_the_page_is_there_with_its_data()
    {
        string[] pictures = [.. Picture().Matches(s_page).Select(static match => match.Groups[1].Value)];
        Assert.NotEmpty(pictures);
        foreach (string picture in pictures)
        {
            Assert.Equal("svg", XElement.Load(Path.Combine(s_folder, picture)).Name.LocalName);
            using JsonDocument data = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_folder, Path.ChangeExtension(picture, "json"))));
            Assert.NotEqual(0, data.RootElement.GetProperty("series").GetArrayLength());
        }
    }

    [Fact]
    public void The_table_has_times_in_round_trips_as_they_were_measured()
    {
        LatencyRow row = new("redis", "ours", 2, 2, 3.04, [new LatencyFigure(1, 1.25, 2.75, 5), new LatencyFigure(10, 10.5, 21, null)]);
        string[] lines = LatencyTable.Of([row]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal("| redis | ours | 2.0 | 3.0 | 2.2 (2.8 ms) | 4.0 (5.0 ms) | 2.0 (21.0 ms) | – |", lines[2].Trim());
        Assert.All(lines, line => Assert.Equal(lines[0].Count(static c => c == '|'), line.Count(static c => c == '|')));
    }

    [Theory]
    [InlineData(new double[] { 3, 1, 2 }, 2)]
    [InlineData(new double[] { 4, 1, 2, 3 }, 2.5)]
    [InlineData(new double[] { }, double.NaN)]
    public void The_median_is_the_middle(double[] values, double median) => Assert.Equal(median, values.Median());

    [GeneratedRegex(@"!\[[^\]]*\]\((curves/[^)]+\.svg)\)")]
    private static partial Regex Picture();

    private static string FindFolder()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Lock.sln")))
                return Path.Combine(at.FullName, "bench");
        }

        throw new InvalidOperationException("The tests run outside of their repository (no Lock.sln above them).");
    }
}
