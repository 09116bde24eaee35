using System.Net;
using System.Net.Sockets;

namespace Locking.Conformance;

/// <summary>A TCP server on 127.0.0.1 that accepts connections, reads, and never answers: a backend that hangs.</summary>
public sealed class SilentServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private int _accepted;

    /// <summary>Starts listening.</summary>
    public SilentServer()
    {
        _listener.Start();
        CancellationToken stop = _stop.Token; // before anybody can dispose of it
        _ = Task.Run(() => AcceptAsync(stop));
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many connections it has accepted.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>A port of 127.0.0.1 where nothing listens.</summary>
    public static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Stops listening and cuts every connection.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(stop).ConfigureAwait(false);
                Interlocked.Increment(ref _accepted);
                _ = Task.Run(() => SwallowAsync(client, stop), CancellationToken.None);
            }
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private static async Task SwallowAsync(Socket client, CancellationToken stop)
    {
        using (client)
        {
            byte[] bytes = new byte[4096];
            try
            {
                while (await client.ReceiveAsync(bytes, stop).ConfigureAwait(false) > 0)
                {
                    // Whatever was asked, nobody answers.
                }
            }
            catch (Exception cut) when (cut is OperationCanceledException or SocketException)
            {
                // Cut from either end.
            }
        }
    }
}
