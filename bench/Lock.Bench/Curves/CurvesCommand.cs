using System.Text.Json;

namespace Locking.Bench.Curves;

/// <summary>Measures how things grow, and writes a picture and its data for each chart.</summary>
internal static class CurvesCommand
{
    private static readonly Dictionary<string, Func<TimeSpan, Task<IReadOnlyList<Chart>>>> s_parts = new(StringComparer.Ordinal)
    {
        ["waiters"] = static async window => [await WaitersCurve.MeasureAsync(window)],
        ["keys"] = static async window => [await KeysCurve.MeasureAsync(window)],
        ["processes"] = ProcessesCurve.MeasureAsync,
    };

    /// <summary>Runs it.</summary>
    /// <param name="wants">Which of the charts.</param>
    /// <param name="window">How long each point is measured.</param>
    /// <param name="isWritten">Whether the pictures and data are to be replaced.</param>
    /// <returns>0.</returns>
    public static async Task<int> RunAsync(Predicate<string> wants, TimeSpan window, bool isWritten)
    {
        foreach ((string name, Func<TimeSpan, Task<IReadOnlyList<Chart>>> measure) in s_parts.Where(part => wants(part.Key)))
        {
            long start = TimeProvider.System.GetTimestamp();
            foreach (Chart chart in await measure(window))
            {
                if (isWritten)
                    await WriteAsync(chart, window);
            }

            await Console.Error.WriteLineAsync($"{name} took {TimeProvider.System.GetElapsedTime(start).TotalSeconds:0} s");
        }

        return 0;
    }

    private static async Task WriteAsync(Chart chart, TimeSpan window)
    {
        string file = Path.Combine(BenchFolder.Curves, chart.Name);
        await File.WriteAllTextAsync(file + ".svg", ChartPicture.Of(chart));
        object data = new
        {
            Machine = Machine.Describe(), Seconds = window.TotalSeconds, chart.Title, chart.XAxis, chart.YAxis, chart.Series,
        };
        await File.WriteAllTextAsync(file + ".json", JsonSerializer.Serialize(data, Machine.Json) + "\n");
    }
}
