using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Locking.Bench.Broker;

/// <summary>Round trips of a hundred bytes between two .NET processes over loopback TCP: what a hand-off cannot do without.</summary>
internal sealed class RawTrips : IAsyncDisposable
{
    private readonly BenchChild _echo;
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[100];

    private RawTrips(BenchChild echo, Socket socket)
    {
        _echo = echo;
        _socket = socket;
    }

    public static async Task<RawTrips> StartAsync()
    {
        var echo = BenchChild.OfThisProgram("echo");
        return await ToAsync(echo, int.Parse(await echo.ReadAsync(), CultureInfo.InvariantCulture));
    }

    /// <summary>The same by a way of one's own.</summary>
    /// <param name="echo">Who sends everything back.</param>
    /// <param name="port">Where the way to it begins.</param>
    public static async Task<RawTrips> ToAsync(BenchChild echo, int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return new RawTrips(echo, socket);
    }

    public async Task RunAsync(int trips)
    {
        for (int i = 0; i < trips; i++)
        {
            await _socket.SendAsync(_buffer);
            for (int got = 0; got < _buffer.Length;)
                got += await _socket.ReceiveAsync(_buffer.AsMemory(got));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _echo.DisposeAsync();
    }
}
