using System.Net;
using System.Net.Sockets;

namespace Locking.Bench.Latency;

/// <summary>A network between clients and a TCP server on this machine, by which everything arrives later, and which counts round
/// trips.</summary>
/// <remarks>Pieces do not wait for one another, as on a real wire: two requests in a row arrive in a row. What was sent before a
/// connection's end arrives before that end.</remarks>
internal sealed class DelayProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly int _target;
    private readonly DelayLine _line;
    private readonly Task _accepting;
    private long _trips;
    private long _requests;

    /// <summary>Listens on a port of its own.</summary>
    /// <param name="target">The server's port on this machine.</param>
    /// <param name="line">Says how much later things arrive, in each direction. Belongs to whoever made it.</param>
    public DelayProxy(int target, DelayLine line)
    {
        _target = target;
        _line = line;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where clients connect.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>What has come so far, counted as it comes and before it is passed on.</summary>
    public Traffic Passed => new(Interlocked.Read(ref _trips), Interlocked.Read(ref _requests));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> all = [];
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stopping.Token);
                all.Add(Task.Run(() => ServeAsync(client)));
            }
        }
        finally
        {
            await Task.WhenAll(all);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target, _stopping.Token);
                Talk talk = new(this);
                await Task.WhenAll(PumpAsync(client, server, talk.Ask), PumpAsync(server, client, talk.Answer));
            }
            catch (Exception problem) when (problem is SocketException or OperationCanceledException)
            {
                // Either side has left: so does the other, as soon as this is disposed of.
            }
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Action count)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, SocketFlags.None, _stopping.Token) is > 0 and int length)
            {
                count();
                byte[] piece = buffer[..length];
                _line.Add(() => Quietly(() => to.Send(piece)));
            }
        }
        catch (SocketException)
        {
            // Reset: the other side learns of an end.
        }

        // After all that is under way.
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _line.Add(() =>
        {
            Quietly(() => to.Shutdown(SocketShutdown.Send));
            ended.SetResult();
        });
        await ended.Task.WaitAsync(_stopping.Token);
    }

    private static void Quietly(Action act)
    {
        try
        {
            act();
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
    }

    /// <summary>One connection, and whose turn it was last.</summary>
    private sealed class Talk(DelayProxy proxy)
    {
        private int _isAsked;

        public void Ask()
        {
            Interlocked.Increment(ref proxy._requests);
            if (Interlocked.Exchange(ref _isAsked, 1) == 0)
                Interlocked.Increment(ref proxy._trips);
        }

        public void Answer() => Interlocked.Exchange(ref _isAsked, 0);
    }
}
