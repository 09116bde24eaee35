using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Locking.Testing;

/// <summary>An error that a server answered.</summary>
public sealed record RedisErrorReply(string Message);

/// <summary>A bare connection that speaks Redis' protocol, independent of the client under test.</summary>
public sealed class RawRedis : IAsyncDisposable
{
    private readonly TcpClient _client;
    private readonly Stream _stream;

    private RawRedis(TcpClient client)
    {
        _client = client;
        _stream = new BufferedStream(client.GetStream());
    }

    public static async Task<RawRedis> ConnectAsync(int port, string? password)
    {
        TcpClient client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            RawRedis raw = new RawRedis(client);
            if (password is not null)
                await raw.CommandAsync("AUTH", password);
            return raw;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>One command on a connection of its own; null when there is no answer.</summary>
    public static async Task<object?> AskAsync(int port, params string[] words)
    {
        try
        {
            await using RawRedis raw = await ConnectAsync(port, null);
            return await raw.CommandAsync(words);
        }
        catch (Exception problem) when (problem is SocketException or IOException)
        {
            return null;
        }
    }

    /// <summary>Sends one command, and reads one answer.</summary>
    public async Task<object?> CommandAsync(params string[] words)
    {
        await SendAsync(words);
        return await ReadAsync();
    }

    public async Task SendAsync(params string[] words)
    {
        MemoryStream text = new MemoryStream();
        Write($"*{words.Length}\r\n");
        foreach (string word in words)
            Write($"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        await _client.GetStream().WriteAsync(text.ToArray());

        void Write(string part) => text.Write(Encoding.UTF8.GetBytes(part));
    }

    /// <summary>Reads one answer: text, number, null, list, or <see cref="RedisErrorReply"/>.</summary>
    public async Task<object?> ReadAsync()
    {
        string line = await LineAsync();
        switch (line[0])
        {
            case '+':
                return line[1..];
            case '-':
                return new RedisErrorReply(line[1..]);
            case ':':
                return long.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
            case '$':
                int length = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
                if (length < 0)
                    return null;
                byte[] bytes = new byte[length + 2];
                await _stream.ReadExactlyAsync(bytes);
                return Encoding.UTF8.GetString(bytes, 0, length);
            case '*':
                int count = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
                if (count < 0)
                    return null;
                object?[] items = new object?[count];
                for (int i = 0; i < count; i++)
                    items[i] = await ReadAsync();
                return items;
            default:
                throw new InvalidDataException($"Not Redis' protocol: {line}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _client.Dispose();
    }

    private async Task<string> LineAsync()
    {
        StringBuilder line = new StringBuilder();
        byte[] one = new byte[1];
        while (true)
        {
            await _stream.ReadExactlyAsync(one);
            if (one[0] == '\n')
                return line.ToString(0, line.Length - 1);
            line.Append((char)one[0]);
        }
    }
}
