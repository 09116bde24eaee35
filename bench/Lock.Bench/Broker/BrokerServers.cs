using System.Globalization;

namespace Locking.Bench.Broker;

/// <summary>Our broker and npm's, each a process of its own.</summary>
internal sealed class BrokerServers : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-bench-").FullName;
    private BenchChild? _ours;
    private BenchChild? _published;

    private BrokerServers()
    {
    }

    /// <summary>Where ours listens.</summary>
    public int Port { get; private set; }

    /// <summary>Where npm's listens; null where it is not installed.</summary>
    public int? PublishedPort { get; private set; }

    public static async Task<BrokerServers> StartAsync()
    {
        BrokerServers servers = new();
        servers._ours = BenchChild.OfThisProgram("broker", Path.Combine(servers._directory, "broker.sock"));
        servers.Port = int.Parse(await servers._ours.ReadAsync(), CultureInfo.InvariantCulture);
        try
        {
            int port = BenchChild.FreePort();
            servers._published = BenchChild.OfNode("broker", port);
            await servers._published.ReadAsync();
            servers.PublishedPort = port;
        }
        catch (InvalidOperationException missing)
        {
            await Console.Error.WriteLineAsync(missing.Message);
        }

        return servers;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (BenchChild? child in (BenchChild?[])[_ours, _published])
        {
            if (child is not null)
                await child.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }
}
