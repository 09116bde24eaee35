using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using MongoDB.Bson;

namespace Locking;

/// <summary>Finds out whether a server that breaks off greetings does so because TLS is on one side only: nothing else that it says
/// tells.</summary>
/// <param name="usesTls">What this side does.</param>
/// <param name="limit">Of one look.</param>
internal sealed class TlsProbe(bool usesTls, TimeSpan limit)
{
    private const int OpMsg = 2013;
    private readonly ConcurrentDictionary<EndPoint, (Exception Failure, Task<bool> Look)> _looks = new();

    /// <summary>Known by now: the server does it the other way. Looks once for each failure; ask again for the answer.</summary>
    public bool IsOtherWay(EndPoint server, Exception failure)
    {
        if (_looks.TryGetValue(server, out (Exception Failure, Task<bool> Look) last) && ReferenceEquals(last.Failure, failure))
            return last.Look is { IsCompletedSuccessfully: true, Result: true };
        // Whoever asks first is not to leave its context in the look.
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
            _looks[server] = (failure, Task.Run(() => LookAsync(server)));
        return false;
    }

    private async Task<bool> LookAsync(EndPoint server)
    {
        using var end = new CancellationTokenSource(limit, TimeProvider.System);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(server, end.Token).ConfigureAwait(false);
            var stream = new NetworkStream(socket);
            await using (stream.ConfigureAwait(false))
                return usesTls
                    ? await AnswersPlainlyAsync(stream, end.Token).ConfigureAwait(false)
                    : await AnswersTlsAsync(stream, end.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (
            exception is IOException or SocketException or AuthenticationException or OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task<bool> AnswersTlsAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        // Nothing is told to whoever answers: its certificate does not matter.
#pragma warning disable CA5359
        var secure = new SslStream(stream, leaveInnerStreamOpen: true, static (_, _, _, _) => true);
#pragma warning restore CA5359
        await using (secure.ConfigureAwait(false))
        {
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "" }, cancellationToken)
                .ConfigureAwait(false);
            return true;
        }
    }

    private static async Task<bool> AnswersPlainlyAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        byte[] hello = new BsonDocument { { "hello", 1 }, { "$db", "admin" } }.ToBson();
        byte[] message = new byte[16 + 5 + hello.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), 1);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(12), OpMsg);
        hello.CopyTo(message, 21);
        await stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
        byte[] header = new byte[16];
        await stream.ReadExactlyAsync(header, cancellationToken).ConfigureAwait(false);
        return BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8)) == 1
            && BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12)) == OpMsg;
    }
}
