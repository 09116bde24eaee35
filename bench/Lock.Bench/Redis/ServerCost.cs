using System.Globalization;
using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>What a server has done so far, by its own count.</summary>
/// <param name="Scripts">Scripts that were called.</param>
/// <param name="Commands">Commands from outside, scripts among them, and those that scripts called.</param>
/// <param name="Microseconds">Spent in scripts.</param>
internal readonly record struct ServerCost(double Scripts, double Commands, double Microseconds)
{
    public static async Task<ServerCost> ReadAsync(BenchRedis server)
    {
        using ConnectionMultiplexer client =
            await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},allowAdmin=true,connectTimeout=60000");
        string info = (string?)await client.GetDatabase().ExecuteAsync("INFO", "all") ?? "";
        double scripts = 0, microseconds = 0, commands = 0;
        foreach (string line in info.Split('\n'))
        {
            if (line.StartsWith("total_commands_processed:", StringComparison.Ordinal))
                commands = double.Parse(line.Split(':')[1], CultureInfo.InvariantCulture);
            if (!line.StartsWith("cmdstat_", StringComparison.Ordinal))
                continue;
            string[] fields = line["cmdstat_".Length..].Split(':', ',', '=');
            if (fields[0] is "evalsha" or "eval")
            {
                scripts += double.Parse(fields[2], CultureInfo.InvariantCulture);
                microseconds += double.Parse(fields[4], CultureInfo.InvariantCulture);
            }
        }

        return new ServerCost(scripts, commands, microseconds);
    }

    public ServerCost Since(ServerCost before) =>
        new(Scripts - before.Scripts, Commands - before.Commands, Microseconds - before.Microseconds);

    public string Per(int operations) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Scripts / operations:0.00} scripts of {Microseconds / Math.Max(1, Scripts):0.0} µs");
}
