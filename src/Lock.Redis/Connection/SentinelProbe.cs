using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Locking;

/// <summary>Asks, without the client, whether what refuses the client is a Sentinel.</summary>
internal static class SentinelProbe
{
    /// <summary>It is asked where connecting has failed already: a server that is only silent must not hold that up much longer.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(300);

    public static async Task<bool> AnswersAsync(EndPoint endPoint, TimeProvider time)
    {
        if (endPoint is UnixDomainSocketEndPoint)
            return false;
        using var limit = new CancellationTokenSource(s_limit, time);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endPoint, limit.Token).ConfigureAwait(false);
            await socket.SendAsync("INFO server\r\n"u8.ToArray(), limit.Token).ConfigureAwait(false);
            var answer = new byte[4096];
            var length = 0;
            while (length < answer.Length)
            {
                var read = await socket.ReceiveAsync(answer.AsMemory(length), limit.Token).ConfigureAwait(false);
                length += read;
                var text = Encoding.Latin1.GetString(answer, 0, length);
                if (text.Contains("redis_mode:sentinel", StringComparison.Ordinal))
                    return true;
                // At its end, or no server's description of itself.
                if (read == 0 || text[0] != '$')
                    return false;
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // It is down, silent, or cannot be reached: the client's own words say so.
        }

        return false;
    }
}
