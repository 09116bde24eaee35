using System.Net;
using System.Net.Sockets;
using Locking.Conformance;

namespace Locking;

/// <summary>Who stands between client and broker may close a connection, and pass the client's answer to that on as if it had wanted
/// it.</summary>
public class ClosedInBetweenTests
{
    [Fact]
    public async Task A_connection_that_is_closed_in_between_ends_no_lock()
    {
        await using var broker = new TestBroker();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var locks = new StoreLock(
            new BrokerLockStore(new BrokerLockSettings { Host = "127.0.0.1", Port = ((IPEndPoint)listener.LocalEndpoint).Port }));
        using var client = new RelayedOnce(listener, broker.Server.Port);
        await using ILockHandle handle = await locks.LockAsync("k", new LockOptions { Ttl = TimeSpan.FromMinutes(5) });

        client.CloseTowardsTheClient();
        await client.Ended;
        await Eventually.TrueAsync(() => broker.Server.ConnectionCount == 0, "the broker has heard of the end");

        await using StoreLock other = broker.Lock();
        Assert.Null(await other.TryLockAsync("k"));
        Assert.Equal(handle.Id, (await other.GetAsync("k"))?.Id);
        handle.ThrowIfLost();
    }

    [Fact]
    public async Task A_client_that_closes_by_itself_ends_its_locks()
    {
        await using var broker = new TestBroker();
        var store = new BrokerLockStore(broker.TcpConnection);
        Assert.True(
            (await store.TryAcquireAsync(new AcquireRequest("k", Guid.NewGuid().ToString(), "o", TimeSpan.FromMinutes(5)), default))
                .IsGranted);
        await store.DisposeAsync();
        await Eventually.TrueAsync(() => broker.Server.ConnectionCount == 0, "the broker has heard of the end");
        await using StoreLock other = broker.Lock();
        Assert.NotNull(await other.TryLockAsync("k"));
    }

    /// <summary>Passes one connection on, both ways, with its ends.</summary>
    private sealed class RelayedOnce : IDisposable
    {
        private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private Socket? _client;

        public RelayedOnce(TcpListener listener, int target) => Ended = Task.Run(async () =>
        {
            _client = await listener.AcceptSocketAsync();
            listener.Stop();
            await _server.ConnectAsync(IPAddress.Loopback, target);
            _ = Task.Run(() => PumpAsync(_server, _client));
            await PumpAsync(_client, _server);
        });

        public Task Ended { get; }

        public void CloseTowardsTheClient() => _client!.Shutdown(SocketShutdown.Send);

        public void Dispose()
        {
            _client?.Dispose();
            _server.Dispose();
        }

        private static async Task PumpAsync(Socket from, Socket to)
        {
            byte[] buffer = new byte[4096];
            try
            {
                int read;
                while ((read = await from.ReceiveAsync(buffer)) > 0)
                    await to.SendAsync(buffer.AsMemory(0, read));
                to.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // The other way was closed.
            }
        }
    }
}
