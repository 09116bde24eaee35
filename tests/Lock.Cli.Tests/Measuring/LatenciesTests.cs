using System.Text.Json;

namespace Locking.Cli.Tests.Measuring;

public sealed class LatenciesTests
{
    [Fact]
    public void Percentiles_are_right_within_a_class_and_the_longest_exactly()
    {
        var latencies = new Latencies();
        for (int i = 1000; i >= 1; i--)
            latencies.Add(TimeSpan.FromMicroseconds(i * 10));
        Assert.Equal(1000, latencies.Count);
        Assert.Equal(TimeSpan.FromMicroseconds(10_000), latencies.Longest);
        Assert.Equal(latencies.Longest, latencies.Percentile(1));
        foreach (double share in new[] { 0.001, 0.5, 0.9, 0.99 })
        {
            double exact = share * 10_000;
            Assert.InRange(latencies.Percentile(share).TotalMicroseconds, exact, exact * 1.02);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1_000_003)]
    [InlineData(36_000_000_000)]
    public void One_duration_is_every_percentile(long ticks)
    {
        var latencies = new Latencies();
        latencies.Add(TimeSpan.FromTicks(ticks));
        Assert.All([0.01, 0.5, 1], share => Assert.Equal(TimeSpan.FromTicks(ticks), latencies.Percentile(share)));
    }

    [Fact]
    public void Sums_count_both_and_none_is_null_in_json()
    {
        var one = new Latencies();
        var other = new Latencies();
        Assert.Equal(TimeSpan.Zero, one.Percentile(0.5));
        Assert.Equal("{\"x\":null}\n", Json.Object(writer => one.Write(writer, "x")));
        one.Add(TimeSpan.FromMilliseconds(1));
        other.Add(TimeSpan.FromMilliseconds(3));
        one.Add(other);
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(Json.Object(writer => one.Write(writer, "x"))).GetProperty("x");
        Assert.Equal(["count", "p50", "p90", "p99", "max"], json.EnumerateObject().Select(static p => p.Name));
        Assert.Equal((2, 3.0), (json.GetProperty("count").GetInt32(), json.GetProperty("max").GetDouble()));
        Assert.InRange(json.GetProperty("p50").GetDouble(), 1, 1.02);
    }
}
