using System.Globalization;
using Locking.Bench.Broker;

namespace Locking.Bench.Redis;

/// <summary>One key that four processes with two tasks each want, with an empty section. The libraries take turns, so that what the machine
/// does meanwhile meets them all; the processes of the others wait for their turn meanwhile.</summary>
internal static class HandOffs
{
    public const double Seconds = 3;
    public const string Changes = "changes of process /s";
    public const string Hands = "changes of holder /s";
    public const string P99 = "p99 wait ms";
    public const string Share = "least/most share";

    private const int Processes = 4;
    private const string Tasks = "2";

    /// <summary>Measures each library, so many times.</summary>
    public static Task<IReadOnlyList<BenchColumn>> MeasureAsync(IReadOnlyList<BenchRedis> servers, int rounds) =>
        MeasureAsync("redis-worker", RedisLibrary.All, string.Join(',', servers.Select(static server => server.Port)), rounds);

    /// <summary>Measures the libraries of another backend.</summary>
    /// <param name="worker">The part of this program that is one process of a library.</param>
    /// <param name="libraries">Their names.</param>
    /// <param name="address">Where the servers are, as the worker reads it.</param>
    /// <param name="rounds">How many times each.</param>
    public static async Task<IReadOnlyList<BenchColumn>> MeasureAsync(string worker, IReadOnlyList<string> libraries,
        string address, int rounds)
    {
        string map = Path.GetTempFileName();
        await File.WriteAllBytesAsync(map, new byte[4096]);
        var workers = libraries.ToDictionary(static name => name, static _ => new List<BenchChild>());
        try
        {
            foreach ((string name, List<BenchChild> own) in workers)
            {
                for (int i = 0; i < Processes; i++)
                    own.Add(BenchChild.OfThisProgram(worker, name, address, map, (i + 1).ToString(CultureInfo.InvariantCulture)));
                foreach (BenchChild? one in own)
                    await one.ReadAsync();
                // Once to warm up; then counts.
                await TurnAsync(own, Seconds);
            }

            var turns = libraries.ToDictionary(static name => name, static _ => new List<Dictionary<string, double>>());
            for (int round = 0; round < rounds; round++)
            {
                foreach ((string name, List<BenchChild> own) in workers)
                    turns[name].Add(await TurnAsync(own, Seconds));
            }

            return [.. libraries.Select(name => new BenchColumn(
                name, turns[name][0]
                    .Keys.ToDictionary(static figure => figure, figure => turns[name].Select(turn => turn[figure]).Median())))];
        }
        finally
        {
            foreach (BenchChild? one in workers.Values.SelectMany(static own => own))
                await one.DisposeAsync();
            File.Delete(map);
        }
    }

    /// <summary>Has some processes want one key for a while, two tasks in each.</summary>
    /// <param name="workers">The processes.</param>
    /// <param name="seconds">How long.</param>
    /// <returns>What it came to, by the names above.</returns>
    public static async Task<Dictionary<string, double>> TurnAsync(IReadOnlyList<BenchChild> workers, double seconds)
    {
        string[] answers = await Task.WhenAll(
            workers.Select(worker => worker.AskAsync(string.Create(CultureInfo.InvariantCulture, $"{Tasks} {seconds}"))));
        double[][] numbers = answers.Select(static answer =>
            answer.Split(' ').Select(static number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        int[] shares = numbers.Select(static own => own.Length - 2).ToArray();
        double[] waits = numbers.SelectMany(static own => own.Skip(2)).Order().ToArray();
        return new Dictionary<string, double>
        {
            [Changes] = numbers.Sum(static own => own[0]) / seconds,
            [Hands] = numbers.Sum(static own => own[1]) / seconds,
            ["turns /s"] = waits.Length / seconds,
            ["p50 wait ms"] = At(0.5),
            [P99] = At(0.99),
            ["longest wait ms"] = At(1),
            [Share] = shares.Min() / (double)Math.Max(1, shares.Max()),
        };

        double At(double part) =>
            waits.Length == 0 ? double.PositiveInfinity : waits[Math.Min(waits.Length - 1, (int)(waits.Length * part))] / 1000;
    }
}
