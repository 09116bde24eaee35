using System.Net.Sockets;

namespace Locking;

/// <summary>One connection: one exchange at a time. An exchange that did not end well closes it, since a late reply would answer the next command.</summary>
internal sealed class MongoConnection(Stream stream, Socket socket, MongoEndpoint endpoint) : IDisposable
{
    private readonly byte[] _header = new byte[OpMessage.HeaderLength];
    private int _requestId;
    private int _closed;

    public MongoEndpoint Endpoint => endpoint;

    /// <summary>Timestamp of the pool's clock when the connection was put back.</summary>
    public long IdleSince { get; set; }

    /// <summary>The generation of the pool it belongs to.</summary>
    public int Generation { get; init; }

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Whether the server has closed an idle connection, as far as this side can know without sending.</summary>
    public bool LooksDead()
    {
        try
        {
            // Nothing may come unasked: readable means closed, or a protocol error.
            return IsClosed || socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    /// <summary>Sends a command and waits for its reply.</summary>
    /// <exception cref="LockStoreException">The connection failed or the reply cannot be understood.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the connection is closed.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ExchangeAsync(string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        int requestId = ++_requestId;
        byte[] message = OpMessage.Encode(requestId, database, command.Span);
        bool sent = false;
        bool done = false;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            sent = true;
            await stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
            await stream.ReadExactlyAsync(_header, cancellationToken).ConfigureAwait(false);
            var body = new byte[OpMessage.DecodeHeader(_header, requestId)];
            await stream.ReadExactlyAsync(body, cancellationToken).ConfigureAwait(false);
            ReadOnlyMemory<byte> reply = OpMessage.DecodeBody(body);
            done = true;
            return reply;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw MongoFailure.Create($"The connection to {endpoint} failed before the reply came: {e.Message}", isTransient: true, mayHaveRun: sent, e);
        }
        catch (BsonFormatException e)
        {
            throw MongoFailure.Create($"The reply of {endpoint} cannot be understood: {e.Message}", isTransient: true, mayHaveRun: sent, e);
        }
        finally
        {
            if (!done) Dispose();
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0) stream.Dispose();
    }
}
