using System.Globalization;
using Locking.Bench.Broker;
using Locking.Bench.Redis;

namespace Locking.Bench.Curves;

/// <summary>How often one key changes hands, and how long the unlucky wait, when ever more processes want it, with two tasks in
/// each and an empty section.</summary>
internal static class ProcessesCurve
{
    /// <summary>Until the runtime has compiled what matters in sixteen processes.</summary>
    private const double WarmUpSeconds = 2;

    private static readonly int[] s_processes = [1, 2, 4, 8, 16];

    /// <summary>The two charts: hand-offs per second, and the 99th percentile of the waits.</summary>
    public static async Task<IReadOnlyList<Chart>> MeasureAsync(TimeSpan window)
    {
        List<Series> hands = [];
        List<Series> waits = [];
        await using (BrokerServers brokers = await BrokerServers.StartAsync())
        {
            await AddAsync("broker", "broker-worker", BrokerLibrary.Ours, brokers.Port);
            if (brokers.PublishedPort is { } port)
                await AddPublishedAsync(port);
        }

        await using BenchRedis redis = await BenchRedis.StartAsync();
        foreach (string name in RedisLibrary.All.Reverse())
            await AddAsync(WaitersCurve.NameOf(name), "redis-worker", name, redis.Port, name != RedisLibrary.Ours);
        const string Varied = "processes that want the key, two tasks in each";
        return
        [
            new Chart("processes", "One key: hand-offs, by how many processes want it", Varied, "hand-offs each second", hands),
            new Chart("processes-waits", "One key: the 99th percentile of the waits", Varied, "ms of waiting", waits),
        ];

        async Task AddAsync(string name, string worker, string library, int port, bool isPeer = false)
        {
            string map = Path.GetTempFileName();
            await File.WriteAllBytesAsync(map, new byte[4096]);
            await WithChildrenAsync(
                number => BenchChild.OfThisProgram(worker, library, port.ToString(CultureInfo.InvariantCulture), map,
                    number.ToString(CultureInfo.InvariantCulture)),
                async (children, seconds) =>
                {
                    Dictionary<string, double> turn = await HandOffs.TurnAsync(children, seconds);
                    return (turn[HandOffs.Hands], turn[HandOffs.P99]);
                },
                name, isPeer);
            File.Delete(map);
        }

        Task AddPublishedAsync(int port) => WithChildrenAsync(
            _ => BenchChild.OfNode("client", port),
            async (children, seconds) =>
            {
                string asked = FormattableString.Invariant($"timed {seconds} 2");
                string[] answers = await Task.WhenAll(children.Select(child => child.AskAsync(asked)));
                double[][] numbers = [.. answers.Select(static answer =>
                    answer.Split(' ').Select(static part => double.Parse(part, CultureInfo.InvariantCulture)).ToArray())];
                // Its line is first come, first served, so that every turn is another's.
                return (numbers.Sum(static own => own[0]) / seconds, numbers.Max(static own => own[1]));
            },
            BrokerLibrary.LiveMutex, isPeer: true);

        async Task WithChildrenAsync(
            Func<int, BenchChild> start, Func<IReadOnlyList<BenchChild>, double, Task<(double, double)>> measure, string name, bool isPeer)
        {
            (List<Point> often, List<Point> late) = await PointsAsync(start, measure, name, window.TotalSeconds);
            hands.Add(new Series(name, often, isPeer));
            waits.Add(new Series(name, late, isPeer));
        }
    }

    private static async Task<(List<Point> Hands, List<Point> Waits)> PointsAsync(
        Func<int, BenchChild> start, Func<IReadOnlyList<BenchChild>, double, Task<(double Hands, double Wait)>> measure, string name,
        double seconds)
    {
        List<BenchChild> children = [];
        List<Point> hands = [];
        List<Point> waits = [];
        try
        {
            // One after the other: together they would start no sooner, and ask for connections all at once.
            for (int i = 1; i <= s_processes[^1]; i++)
            {
                children.Add(start(i));
                await children[^1].ReadAsync();
            }

            await measure(children, seconds + WarmUpSeconds);
            foreach (int processes in s_processes)
            {
                (double hand, double wait) = await measure(children[..processes], seconds);
                await Console.Error.WriteLineAsync($"{name}, {processes} processes: {hand:0.#} hand-offs/s, p99 {wait:0.##} ms");
                hands.Add(new Point(processes, hand));
                waits.Add(new Point(processes, wait));
            }
        }
        finally
        {
            foreach (BenchChild child in children)
                await child.DisposeAsync();
        }

        return (hands, waits);
    }
}
