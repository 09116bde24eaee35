using System.Net;
using System.Net.Sockets;

namespace Locking;

/// <summary>Stands between a client and a server, and loses an answer when it is told to: the statement is done,
/// and nobody hears of it.</summary>
internal sealed class LossyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _port;
    private readonly Task _accepting;
    private int _toLose;

    public LossyProxy(int port)
    {
        _port = port;
        _listener.Start();
        _accepting = Task.Run(AcceptAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Answers that were lost.</summary>
    public int Lost { get; private set; }

    /// <summary>Loses the answer to the next request, and the connection with it.</summary>
    public void LoseNextAnswer() => Volatile.Write(ref _toLose, 1);

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        var all = new List<Task>();
        try
        {
            while (true)
                all.Add(ServeAsync(await _listener.AcceptTcpClientAsync()));
        }
        catch (SocketException)
        {
            await Task.WhenAll(all);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
        client.NoDelay = true;
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _port);
                bool[] lose = [false];
                await Task.WhenAny(
                    PumpAsync(client.GetStream(), server.GetStream(),
                        () => lose[0] |= Interlocked.Exchange(ref _toLose, 0) == 1, () => false),
                    PumpAsync(server.GetStream(), client.GetStream(), static () => { }, () => lose[0]));
                if (lose[0]) Lost++;
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // Either side has left.
            }
        }
    }

    private static async Task PumpAsync(NetworkStream from, NetworkStream to, Action onData, Func<bool> loses)
    {
        byte[] buffer = new byte[65536];
        try
        {
            int read;
            while ((read = await from.ReadAsync(buffer)) > 0)
            {
                onData();
                if (loses()) return;
                await to.WriteAsync(buffer.AsMemory(0, read));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Either side has left.
        }
    }
}
