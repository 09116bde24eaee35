using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Locking.Testing;

/// <summary>A network between clients and a server that can be slow, cut, or change what a server says.</summary>
public sealed class RedisProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _work = [];
    private readonly int _target;
    private volatile TaskCompletionSource _open = Opened();
    private volatile bool _answersPass = true;
    private long _delayTicks;

    public RedisProxy(int target)
    {
        _target = target;
        _listener.Start();
        Add(AcceptAsync());
    }

    /// <summary>Where clients connect.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How much later everything arrives, in each direction.</summary>
    public TimeSpan Delay
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _delayTicks));
        set => Interlocked.Exchange(ref _delayTicks, value.Ticks);
    }

    /// <summary>Changes what the server says, piece by piece as it comes. The length must stay.</summary>
    public Func<string, string>? Rewrite { get; set; }

    /// <summary>Nothing passes any more, in neither direction, and nobody is told.</summary>
    public void Cut() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Requests arrive, and answers do not.</summary>
    public void SwallowAnswers() => _answersPass = false;

    /// <summary>Everything passes again. What was held back by a cut arrives now; connections with swallowed answers are closed.</summary>
    public void Mend()
    {
        _answersPass = true;
        TaskCompletionSource closed = _open;
        _open = Opened();
        closed.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        Task[] work;
        lock (_work)
            work = [.. _work];
        await Task.WhenAll(work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private static TaskCompletionSource Opened()
    {
        TaskCompletionSource open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private void Add(Task task)
    {
        lock (_work)
            _work.Add(task);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync(_stopping.Token);
            Add(Task.Run(() => ServeAsync(client)));
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (TcpClient server = new TcpClient { NoDelay = true })
        {
            client.NoDelay = true;
            await PassAsync();
            await server.ConnectAsync(IPAddress.Loopback, _target, _stopping.Token);
            // Who closes first closes both.
            await FirstAsync(
                PumpAsync(client.GetStream(), server.GetStream(), answers: false),
                PumpAsync(server.GetStream(), client.GetStream(), answers: true));
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, bool answers)
    {
        Channel<(long Due, byte[] Bytes)> pieces = System.Threading.Channels.Channel.CreateUnbounded<(long Due, byte[] Bytes)>();
        await FirstAsync(ReadAsync(), WriteAsync());

        async Task ReadAsync()
        {
            byte[] buffer = new byte[64 * 1024];
            int read;
            while ((read = await from.ReadAsync(buffer, _stopping.Token)) > 0)
            {
                long delay = (long)(Delay.TotalSeconds * TimeProvider.System.TimestampFrequency);
                pieces.Writer.TryWrite((TimeProvider.System.GetTimestamp() + delay, buffer[..read]));
            }

            pieces.Writer.TryComplete();
            // What is on its way still arrives.
            await pieces.Reader.Completion;
        }

        async Task WriteAsync()
        {
            bool swallowed = false;
            await foreach ((long due, byte[]? bytes) in pieces.Reader.ReadAllAsync(_stopping.Token))
            {
                TimeSpan left = TimeSpan.FromSeconds(
                    (double)(due - TimeProvider.System.GetTimestamp()) / TimeProvider.System.TimestampFrequency);
                if (left > TimeSpan.Zero)
                    await Task.Delay(left, _stopping.Token);
                await PassAsync();
                if (answers && !_answersPass)
                {
                    swallowed = true;
                    continue;
                }

                // No network loses a piece and delivers the next: this connection is over.
                if (swallowed)
                    return;
                byte[] passed = answers && Rewrite is { } rewrite
                    ? System.Text.Encoding.Latin1.GetBytes(rewrite(System.Text.Encoding.Latin1.GetString(bytes))) : bytes;
                await to.WriteAsync(passed, _stopping.Token);
            }
        }
    }

    /// <summary>The end of the first of them; what becomes of the others when their connection is closed is nobody's business.</summary>
    private static async Task FirstAsync(params Task[] works)
    {
        await Task.WhenAny(works);
        foreach (Task work in works)
            _ = work.ContinueWith(static ended => ended.Exception, TaskScheduler.Default);
    }

    private Task PassAsync() => _open.Task.WaitAsync(_stopping.Token);
}
