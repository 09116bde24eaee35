using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Locking;

/// <summary>Asks, without the client, whether what refuses the client is a Sentinel.</summary>
internal static class SentinelProbe
{
    /// <summary>It is asked where connecting has failed already: a server that is only silent must not hold that up much longer.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(300);

    /// <summary>Whether it is one.</summary>
    public static async Task<bool> AnswersAsync(EndPoint endPoint, TimeProvider time) =>
        await AskAsync(endPoint, "INFO server\r\n", "redis_mode:sentinel", time).ConfigureAwait(false) is { } answer &&
        answer.Contains("redis_mode:sentinel", StringComparison.Ordinal);

    /// <summary>Whether it knows a master; null when it did not say.</summary>
    public static async Task<bool?> KnowsAsync(EndPoint endPoint, string service, TimeProvider time)
    {
        const string Ask = "*3\r\n$8\r\nSENTINEL\r\n$23\r\nget-master-addr-by-name\r\n";
        string? answer = await AskAsync(
            endPoint, $"{Ask}${Encoding.UTF8.GetByteCount(service)}\r\n{service}\r\n", "\r\n", time).ConfigureAwait(false);
        return answer is null or "" || answer[0] == '-'
            ? null
            : !answer.StartsWith("*-1", StringComparison.Ordinal) && !answer.StartsWith('_');
    }

    /// <summary>Sends a request and reads until a text has come, the answer is no longer text, or the time is up.</summary>
    private static async Task<string?> AskAsync(EndPoint endPoint, string request, string until, TimeProvider time)
    {
        if (endPoint is UnixDomainSocketEndPoint)
            return null;
        using var limit = new CancellationTokenSource(s_limit, time);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endPoint, limit.Token).ConfigureAwait(false);
            await socket.SendAsync(Encoding.UTF8.GetBytes(request), limit.Token).ConfigureAwait(false);
            byte[] answer = new byte[4096];
            int length = 0;
            while (length < answer.Length)
            {
                int read = await socket.ReceiveAsync(answer.AsMemory(length), limit.Token).ConfigureAwait(false);
                length += read;
                string text = Encoding.Latin1.GetString(answer, 0, length);
                // At its end, or no bulk of text.
                if (read == 0 || text.Contains(until, StringComparison.Ordinal) || text[0] != '$')
                    return text;
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // It is down, silent, or cannot be reached: the client's own words say so.
        }

        return null;
    }
}
