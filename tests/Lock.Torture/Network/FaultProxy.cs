using System.Net;
using System.Net.Sockets;

namespace Locking.Torture;

/// <summary>How a network behaves.</summary>
public enum Weather
{
    /// <summary>Everything passes.</summary>
    Fair,

    /// <summary>Everything passes later, each piece by another time.</summary>
    Slow,

    /// <summary>Nothing passes, and nobody is told.</summary>
    Silent,

    /// <summary>Requests pass, answers are lost with their connection.</summary>
    AnswersLost,

    /// <summary>Connections are reset, and new ones are not taken.</summary>
    Cut,
}

/// <summary>A network between clients and a TCP server.</summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly HashSet<(Socket Client, Socket Server)> _connections = [];
    private readonly int _target;
    private readonly Random _random;
    private readonly Task _accepting;
    private volatile Weather _weather;

    /// <summary>Listens on a port of its own.</summary>
    public FaultProxy(int target, int seed)
    {
        _target = target;
        _random = new Random(seed);
        _listener.Start();
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Where clients connect.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The slowest piece while it is slow.</summary>
    public TimeSpan Slowness { get; set; } = TimeSpan.FromMilliseconds(150);

    /// <summary>How it behaves from now on.</summary>
    public void Set(Weather weather)
    {
        _weather = weather;
        if (weather == Weather.Cut)
            Each(static pair => Reset(pair.Client, pair.Server));
    }

    /// <summary>Resets some of the connections that there are, or closes them in one direction only.</summary>
    public void Break(bool half) => Each(pair =>
    {
        if (Chance(2))
            return;
        if (half)
            Quietly(pair, static pair => pair.Client.Shutdown(SocketShutdown.Send));
        else
            Reset(pair.Client, pair.Server);
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        Each(static pair => Reset(pair.Client, pair.Server));
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static void Reset(Socket client, Socket server)
    {
        client.Close(0);
        server.Close(0);
    }

    private static void Quietly<T>(T of, Action<T> act)
    {
        try
        {
            act(of);
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
    }

    private bool Chance(int oneIn)
    {
        lock (_random)
            return _random.Next(oneIn) == 0;
    }

    private void Each(Action<(Socket Client, Socket Server)> act)
    {
        (Socket Client, Socket Server)[] all;
        lock (_gate)
            all = [.. _connections];
        foreach ((Socket Client, Socket Server) one in all)
            act(one);
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            Socket client = await _listener.AcceptSocketAsync(_stopping.Token);
            if (_weather == Weather.Cut)
                client.Close(0);
            else
                _ = Task.Run(() => ServeAsync(client));
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            (Socket client, Socket server) pair = (client, server);
            Task[] both = [];
            try
            {
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, _target, _stopping.Token);
                lock (_gate)
                    _connections.Add(pair);
                both = [PumpAsync(client, server, answers: false), PumpAsync(server, client, answers: true)];
                await await Task.WhenAny(both);
                await Task.WhenAll(both);
            }
            catch (Exception problem) when (problem is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // What was reset on one side is reset on the other.
                Reset(client, server);
                await Task.WhenAll(both).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            finally
            {
                lock (_gate)
                    _connections.Remove(pair);
            }
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool answers)
    {
        byte[] buffer = new byte[64 * 1024];
        int read;
        while ((read = await from.ReceiveAsync(buffer, SocketFlags.None, _stopping.Token)) > 0)
        {
            while (_weather == Weather.Silent)
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, _stopping.Token);
            if (answers && _weather == Weather.AnswersLost)
                throw new SocketException((int)SocketError.ConnectionReset);
            if (_weather == Weather.Slow)
                await Task.Delay(Slowness * Draw(), TimeProvider.System, _stopping.Token);
            for (int sent = 0; sent < read;)
                sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), SocketFlags.None, _stopping.Token);
        }

        to.Shutdown(SocketShutdown.Send);
    }

    private double Draw()
    {
        lock (_random)
            return _random.NextDouble();
    }
}
