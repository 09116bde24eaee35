using System.Net;
using System.Net.Sockets;
using Locking.Bench.Latency;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Bench.Tests;

/// <summary>A client, the proxy, and a server that is played by the test, byte by byte.</summary>
public sealed class DelayProxyTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly DelayLine _line;
    private readonly DelayProxy _proxy;
    private Socket _server = null!;

    public DelayProxyTests()
    {
        _listener.Start();
        _line = new DelayLine(_time, _time.Advance) { Delay = TimeSpan.FromMilliseconds(5) };
        _proxy = new DelayProxy(((IPEndPoint)_listener.LocalEndpoint).Port, _line);
    }

    public async Task InitializeAsync()
    {
        await _client.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        _server = await _listener.AcceptSocketAsync();
        _server.NoDelay = true;
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        _server.Dispose();
        _listener.Dispose();
        await _proxy.DisposeAsync();
        _line.Dispose();
    }

    [Fact]
    public async Task A_request_and_its_answer_are_one_round_trip_that_takes_the_delay_twice()
    {
        DateTimeOffset start = _time.GetUtcNow();
        for (int i = 0; i < 3; i++)
        {
            await PassAsync(_client, _server);
            await PassAsync(_server, _client);
        }

        Assert.Equal(new Traffic(3, 3), _proxy.Passed);
        Assert.Equal(TimeSpan.FromMilliseconds(30), _time.GetUtcNow() - start);
    }

    [Fact]
    public async Task Requests_that_wait_for_no_answer_are_one_round_trip_and_an_answer_in_pieces_ends_it_once()
    {
        await PassAsync(_client, _server);
        await PassAsync(_client, _server);
        await PassAsync(_server, _client);
        await PassAsync(_server, _client);
        Assert.Equal(new Traffic(1, 2), _proxy.Passed);
    }

    [Fact]
    public async Task What_the_server_says_unasked_is_no_round_trip()
    {
        await PassAsync(_server, _client);
        await PassAsync(_server, _client);
        Assert.Equal(new Traffic(0, 0), _proxy.Passed);
        await PassAsync(_client, _server);
        Assert.Equal(new Traffic(1, 1), _proxy.Passed);
    }

    [Fact]
    public async Task Connections_have_round_trips_of_their_own()
    {
        using Socket second = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await second.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        using Socket secondServer = await _listener.AcceptSocketAsync();
        await PassAsync(_client, _server);
        await PassAsync(second, secondServer);
        Assert.Equal(new Traffic(2, 2), _proxy.Passed);
    }

    [Fact]
    public async Task What_was_sent_before_the_end_arrives_before_the_end()
    {
        await _client.SendAsync(new byte[] { 7 });
        _client.Shutdown(SocketShutdown.Send);
        byte[] buffer = new byte[10];
        Assert.Equal(1, await _server.ReceiveAsync(buffer));
        Assert.Equal(0, await _server.ReceiveAsync(buffer));
        await PassAsync(_server, _client);
    }

    private static async Task PassAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[10];
        await from.SendAsync(new byte[] { 1 });
        Assert.Equal(1, await to.ReceiveAsync(buffer));
    }
}
