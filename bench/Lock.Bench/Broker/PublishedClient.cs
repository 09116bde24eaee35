using System.Globalization;

namespace Locking.Bench.Broker;

/// <summary>npm's client with npm's broker and with ours, each over TCP and over a socket: what somebody gains who changes the broker
/// alone.</summary>
internal static class PublishedClient
{
    private const int Cycles = 2_000;
    private const int AtOnce = 20;

    /// <param name="report">Where the rows go.</param>
    /// <param name="ours">Our broker.</param>
    /// <param name="path">Its socket.</param>
    /// <param name="port">Its port.</param>
    /// <param name="rounds">How often each has its turn.</param>
    public static async Task MeasureAsync(BenchReport report, BenchChild ours, string path, int port, int rounds)
    {
        int theirPort = BenchChild.FreePort();
        string theirPath = path + ".npm";
        List<BenchChild> children = [];
        try
        {
            foreach (string address in (string[])[Text(theirPort), theirPath])
                children.Add(await ReadyAsync(BenchChild.OfNode("broker", address)));
            (string Name, BenchChild Broker, string Address)[] brokers =
            [
                ("npm's over TCP", children[0], Text(theirPort)), ("ours over TCP", ours, Text(port)),
                ("npm's over a socket", children[1], theirPath), ("ours over a socket", ours, path),
            ];
            foreach (int keys in (int[])[1, AtOnce])
            {
                Comparison comparison = new();
                List<Func<Task<string>>> costs = [];
                foreach ((string name, BenchChild broker, string address) in brokers)
                {
                    BenchChild client = await ReadyAsync(BenchChild.OfNode("client", address));
                    children.Add(client);
                    comparison.Add(name, n => client.AskNumberAsync($"{n} {AtOnce} {keys}"));
                    costs.Add(() => CostAsync(name, client, broker, keys));
                }

                ComparisonResult result = await comparison.RunAsync(rounds, Cycles);
                List<string> used = [];
                foreach (Func<Task<string>> cost in costs)
                    used.Add(await cost());
                Report(report, keys, result, string.Join("; ", used));
            }
        }
        finally
        {
            foreach (BenchChild child in Enumerable.Reverse(children))
                await child.DisposeAsync();
        }
    }

    private static void Report(BenchReport report, int keys, ComparisonResult result, string costs)
    {
        string what = $"broker, npm's client, {AtOnce} at once, {(keys == 1 ? "one key" : $"{keys} keys")}";
        report.AtLeast($"{what}, TCP, cycles of npm's broker", 1 / result.Ratio(1), 1, "×", costs, result.Columns);
        report.AtLeast($"{what}, socket, cycles of npm's broker", result.Median(2) / result.Median(3), 1, "×", result.Describe());
    }

    /// <summary>What client and broker use of the processors for a cycle.</summary>
    private static async Task<string> CostAsync(string name, BenchChild client, BenchChild broker, int keys)
    {
        (TimeSpan clientBefore, TimeSpan brokerBefore) = (client.ProcessorTime, broker.ProcessorTime);
        await client.AskNumberAsync($"{Cycles * 4} {AtOnce} {keys}");
        double clientUsed = (client.ProcessorTime - clientBefore).TotalMicroseconds / (Cycles * 4);
        double brokerUsed = (broker.ProcessorTime - brokerBefore).TotalMicroseconds / (Cycles * 4);
        return FormattableString.Invariant($"{name}: client {clientUsed:0} µs, broker {brokerUsed:0} µs of processor");
    }

    private static async Task<BenchChild> ReadyAsync(BenchChild child)
    {
        await child.ReadAsync();
        return child;
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
