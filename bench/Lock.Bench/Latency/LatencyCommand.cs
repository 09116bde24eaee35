using System.Text.Json;

namespace Locking.Bench.Latency;

/// <summary>Measures every backend behind a network whose round trip takes 1 ms and 10 ms, and counts round trips. Writes the table into
/// the page, and the data beside the curves.</summary>
internal static class LatencyCommand
{
    public const string Place = "latency";

    /// <summary>Runs it.</summary>
    /// <param name="wants">Which backends.</param>
    /// <param name="rounds">Hand-offs, and batches of four cycles, with each delay.</param>
    /// <param name="isWritten">Whether the page and the data are to be replaced.</param>
    /// <returns>0; 1 when a backend could not be had.</returns>
    public static async Task<int> RunAsync(Predicate<string> wants, int rounds, bool isWritten)
    {
        List<LatencyRow> rows = [];
        bool isComplete = true;
        foreach ((string name, Func<Task<Backend>> start) in Backends.All.Where(one => wants(one.Key)))
        {
            try
            {
                rows.AddRange(await MeasureAsync(name, start, rounds));
            }
            catch (Exception missing) when (missing is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                await Console.Error.WriteLineAsync($"{name} is left out: {missing.Message}");
                isComplete = false;
            }
        }

        string table = LatencyTable.Of(rows);
        Console.WriteLine(table);
        if (isWritten)
        {
            string page = await File.ReadAllTextAsync(BenchFolder.Page);
            await File.WriteAllTextAsync(BenchFolder.Page, MarkedPlace.Fill(page, Place, $"{Machine.Describe()}\n\n{table}"));
            await File.WriteAllTextAsync(
                Path.Combine(BenchFolder.Curves, "latency.json"),
                JsonSerializer.Serialize(new { Machine = Machine.Describe(), Rounds = rounds, Rows = rows }, Machine.Json) + "\n");
        }

        return isComplete ? 0 : 1;
    }

    private static async Task<List<LatencyRow>> MeasureAsync(string name, Func<Task<Backend>> start, int rounds)
    {
        await using Backend backend = await start();
        await using Wire wire = await Wire.StartAsync(backend.Ports);
        List<LatencyRow> rows = [];
        foreach (Contender contender in backend.Contenders)
        {
            await Console.Error.WriteLineAsync($"{name}, {contender.Name}");
            rows.Add(await new LatencyMeasure(wire, backend).RunAsync(name, contender, rounds));
        }

        return rows;
    }
}
