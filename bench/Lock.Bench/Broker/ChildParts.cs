using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Locking.Bench.Broker;

/// <summary>What this program does as a child of itself.</summary>
internal static class ChildParts
{
    public const string Marker = "--child";

    public static async Task<int> RunAsync(string[] arguments)
    {
        switch (arguments)
        {
            case [_, "broker", var path]:
                await BrokerAsync(path);
                return 0;
            case [_, "echo"]:
                await EchoAsync();
                return 0;
            case [_, "worker", var path, var map]:
                await Worker.RunAsync(path, map);
                return 0;
            case [_, "proxy", var targets]:
                await Latency.ProxyPart.RunAsync(targets);
                return 0;
            case [_, "broker-worker", var library, var port, var map, var number]:
                await Redis.HandOffWorker.RunAsync(
                    () => Task.FromResult<ILockLibrary>(BrokerLibrary.Connect(library, int.Parse(port, CultureInfo.InvariantCulture))), map,
                    int.Parse(number, CultureInfo.InvariantCulture));
                return 0;
            case [_, "redis-worker", var library, var ports, var map, var number]:
                await Redis.HandOffWorker.RunAsync(
                    async () => await Redis.RedisLibrary.ConnectAsync(library,
                        [.. ports.Split(',').Select(static port => int.Parse(port, CultureInfo.InvariantCulture))]),
                    map, int.Parse(number, CultureInfo.InvariantCulture));
                return 0;
            case [_, "postgres-worker", var library, var port, var map, var number]:
                await Redis.HandOffWorker.RunAsync(
                    () => Task.FromResult<ILockLibrary>(
                        Postgres.PostgresLibrary.Connect(library, int.Parse(port, CultureInfo.InvariantCulture))),
                    map, int.Parse(number, CultureInfo.InvariantCulture));
                return 0;
            case [_, "mongo-worker", var library, var uri, var map, var number]:
                await Redis.HandOffWorker.RunAsync(
                    () => Task.FromResult<ILockLibrary>(Mongo.MongoLibrary.Connect(library, uri)), map,
                    int.Parse(number, CultureInfo.InvariantCulture));
                return 0;
            default:
                return 64;
        }
    }

    /// <summary>A broker. Says its port; then answers each line with the bytes of its heap.</summary>
    private static async Task BrokerAsync(string path)
    {
        await using var server =
            new BrokerServer(new BrokerServerOptions { Path = path, Host = "127.0.0.1", Port = 0, StatePath = path + ".state" });
        if (!server.TryStart())
            throw new InvalidOperationException($"Another broker runs at {path}.");
        Say(server.Port);
        while (await Console.In.ReadLineAsync() is not null)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Say(GC.GetTotalMemory(forceFullCollection: true));
        }
    }

    /// <summary>Sends back what it gets: the raw round trip. Says its port.</summary>
    private static async Task EchoAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Say(((IPEndPoint)listener.LocalEndpoint).Port);
        using Socket socket = await listener.AcceptSocketAsync();
        socket.NoDelay = true;
        byte[] buffer = new byte[4096];
        while (await socket.ReceiveAsync(buffer) is > 0 and var length)
            await socket.SendAsync(buffer.AsMemory(0, length));
    }

    private static void Say(long value) => Console.WriteLine(value.ToString(CultureInfo.InvariantCulture));
}
