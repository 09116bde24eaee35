using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Locking.Conformance;

namespace Locking;

/// <summary>A client that sends bytes and reads lines, and does nothing by itself.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly StreamReader _reader;

    private RawClient(Socket socket)
    {
        _socket = socket;
        _reader = new StreamReader(new NetworkStream(socket), new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false);
    }

    public static async Task<RawClient> UnixAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return new RawClient(socket);
    }

    public static async Task<RawClient> TcpAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return new RawClient(socket);
    }

    /// <summary>Sends one line.</summary>
    public Task SendAsync(string line) => SendBytesAsync(Encoding.UTF8.GetBytes(line + "\n"));

    public async Task SendBytesAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[await _socket.SendAsync(bytes)..];
    }

    /// <summary>The next line as it came; null at the end of the connection.</summary>
    public async Task<string?> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Patience);
        try
        {
            return await _reader.ReadLineAsync(limit.Token);
        }
        catch (IOException)
        {
            return null;
        }
    }

    public async Task<JsonElement> ReadAsync() =>
        JsonElement.Parse(await ReadLineAsync() ?? throw new InvalidOperationException("The broker closed the connection."));

    /// <summary>Sends one line and reads the next one.</summary>
    public async Task<JsonElement> AskAsync(string line)
    {
        await SendAsync(line);
        return await ReadAsync();
    }

    /// <summary>Whether a question that the broker always answers is the next thing answered: nothing else was on its way.</summary>
    public async Task ExpectNothingAsync()
    {
        JsonElement answer = await AskAsync("""{"type":"ping","uuid":"nothing","timestamp":1}""");
        Assert.Equal("pong", answer.GetProperty("type").GetString());
    }

    /// <summary>Sends nothing more; what was sent is still answered.</summary>
    public void Finish() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Closes properly (FIN).</summary>
    public void Close()
    {
        _socket.Shutdown(SocketShutdown.Both);
        _socket.Dispose();
    }

    /// <summary>Breaks the connection (RST; TCP only).</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        _reader.Dispose();
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
