using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Locking.Torture;

/// <summary>The resource of all processes, behind a Unix socket: a line for each step, in its order.</summary>
internal sealed class ResourceServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stopping = new();
    private readonly FencedResource _resource;
    private readonly Task _accepting;

    public ResourceServer(string path, HistoryLog log)
    {
        _resource = new FencedResource(log);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _accepting = Task.Run(AcceptAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client = await _listener.AcceptAsync(_stopping.Token);
            _ = Task.Run(() => ServeAsync(client));
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            while (await reader.ReadLineAsync(_stopping.Token) is { } line
                && line.Split(' ') is [var key, var attempt, var token, var value])
            {
                long? number = token.Length == 0 ? (long?)null : long.Parse(token, CultureInfo.InvariantCulture);
                long? answer = value.Length == 0
                    ? await _resource.ReadAsync(key, number, attempt)
                    : await _resource.WriteAsync(key, number, attempt, long.Parse(value, CultureInfo.InvariantCulture)) ? 0 : null;
                await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{answer}\n")),
                    _stopping.Token);
            }
        }
        catch (Exception problem) when (problem is IOException or OperationCanceledException)
        {
            // The worker was killed.
        }
    }
}

/// <summary>A worker's way to it.</summary>
internal sealed class ResourceClient : IResource, IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    public ResourceClient(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream, Encoding.UTF8);
    }

    public async ValueTask<long?> ReadAsync(string key, long? token, string attempt) => await AskAsync($"{key} {attempt} {token} ");

    public async ValueTask<bool> WriteAsync(string key, long? token, string attempt, long value) =>
        await AskAsync($"{key} {attempt} {token} {value}") is not null;

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
        _turn.Dispose();
    }

    private async Task<long?> AskAsync(FormattableString request)
    {
        await _turn.WaitAsync();
        try
        {
            await _stream.WriteAsync(Encoding.UTF8.GetBytes(FormattableString.Invariant(request) + "\n"));
            string line = await _reader.ReadLineAsync() ?? throw new IOException("The resource is gone.");
            return line.Length == 0 ? null : long.Parse(line, CultureInfo.InvariantCulture);
        }
        finally
        {
            _turn.Release();
        }
    }
}
