using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using MongoDB.Bson;
using Npgsql;

namespace Locking;

/// <summary>One client: frames in, frames out, faults in between.</summary>
internal sealed class GatewayConnection(MongoGateway gateway, Socket socket, int id)
{
    private const int OpMsg = 2013;
    private const int OpQuery = 2004;
    private const int OpReply = 1;
    private int _replyId;

    public MongoGateway Gateway => gateway;

    public int Id => id;

    public GatewayScram Scram { get; } = new(gateway.Engine);

    public void Close() => socket.Dispose();

    public async Task ServeAsync()
    {
        if (socket.AddressFamily != AddressFamily.Unix) socket.NoDelay = true;
        try
        {
            await using Stream stream = await OpenAsync();
            var commands = new GatewayCommands(this);
            while (await ServeOneAsync(stream, commands))
            {
            }
        }
        catch (Exception exception) when (
            exception is IOException or SocketException or ObjectDisposedException or AuthenticationException or FormatException)
        {
            // The client went away, or does not speak the protocol: a server drops it.
        }
        finally
        {
            socket.Dispose();
        }
    }

    private async Task<Stream> OpenAsync()
    {
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (gateway.Options.Certificate is null) return plain;
        var secure = new SslStream(plain);
        await secure.AuthenticateAsServerAsync(gateway.Options.Certificate);
        return secure;
    }

    private async Task<bool> ServeOneAsync(Stream stream, GatewayCommands commands)
    {
        byte[] header = new byte[16];
        await stream.ReadExactlyAsync(header);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header);
        int requestId = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4));
        int operation = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12));
        // A client that greets with TLS is told to go at once, as mongod does it.
        if (length is < 16 or > 48_000_000 || header is [0x16, 3, ..]) return false;
        byte[] body = new byte[length - 16];
        await stream.ReadExactlyAsync(body);

        GatewayRequest? request = operation switch
        {
            OpMsg => GatewayRequest.FromMessage(body),
            OpQuery => GatewayRequest.FromQuery(body), // drivers open with it
            _ => null,
        };
        if (request is null) return false;
        if (request.Name is not ("hello" or "isMaster" or "ismaster" or "endSessions")) gateway.Log.Enqueue(request.Name);

        GatewayFault? fault = gateway.Faults.Take(request.Name);
        if (fault == GatewayFault.CloseBefore) return false;
        if (fault == GatewayFault.Delay) await gateway.Faults.HoldAsync();
        byte[] reply = fault switch
        {
            GatewayFault.NotWritablePrimary => GatewayErrors.Reply(10107, "NotWritablePrimary", "not primary"),
            GatewayFault.MechanismUnavailable => GatewayErrors.Reply(334, "MechanismUnavailable",
                "Received authentication for mechanism SCRAM-SHA-256 which is not enabled"),
            GatewayFault.WriteConflict => Refusal(request, 112, "WriteConflict", "Write conflict during plan execution"),
            GatewayFault.ValidationFailure => Refusal(request, 121, "DocumentValidationFailure", "Document failed validation"),
            GatewayFault.DuplicateKey => GatewayErrors.Reply(11000, "DuplicateKey", "E11000 duplicate key error"),
            _ => await ExecuteAsync(commands, request),
        };
        if (fault == GatewayFault.Delay) gateway.Faults.HasCarriedOut();
        if (fault == GatewayFault.InterruptedAfter)
            reply = GatewayErrors.Reply(11602, "InterruptedDueToReplStateChange", "operation was interrupted");
        if (fault == GatewayFault.WriteConcernTimeout)
            reply = WithWriteConcernError(reply, 64, "WriteConcernTimeout", "waiting for replication timed out");
        if (fault == GatewayFault.WriteConcernUnsatisfiable)
            reply = WithWriteConcernError(reply, 100, "UnsatisfiableWriteConcern", "Not enough data-bearing nodes");
        if (fault == GatewayFault.LoseReply) return false;
        if (request.MoreToCome) return true;

        byte[] frame = Frame(reply, requestId, operation);
        return await SendAsync(stream, frame, fault);
    }

    private static async Task<byte[]> ExecuteAsync(GatewayCommands commands, GatewayRequest request)
    {
        try
        {
            return await commands.RunAsync(request);
        }
        catch (PostgresException exception)
        {
            (int code, string name) = GatewayErrors.Of(exception.SqlState);
            return GatewayErrors.Reply(code, name, code == 11000
                ? $"E11000 duplicate key error collection: {request.Database}.{request.Collection} {exception.MessageText}"
                    : exception.MessageText);
        }
        catch (NpgsqlException exception)
        {
            return GatewayErrors.Reply(91, "ShutdownInProgress", exception.Message);
        }
    }

    /// <summary>As a server refuses: an update says that it worked, and has a list of what did not.</summary>
    private static byte[] Refusal(GatewayRequest request, int code, string name, string message) => request.Name != "update"
        ? GatewayErrors.Reply(code, name, message)
        : new BsonDocument
        {
            { "n", 0 }, { "nModified", 0 },
            { "writeErrors", new BsonArray { new BsonDocument { { "index", 0 }, { "code", code }, { "errmsg", message } } } },
            { "ok", 1.0 },
        }.ToBson();

    private static byte[] WithWriteConcernError(byte[] reply, int code, string name, string message) =>
        GatewayBson.Parse(reply)
            .Set("writeConcernError", new BsonDocument { { "code", code }, { "codeName", name }, { "errmsg", message } }).ToBson();

    private static async Task<bool> SendAsync(Stream stream, byte[] frame, GatewayFault? fault)
    {
        switch (fault)
        {
            case GatewayFault.TruncateReply:
                await stream.WriteAsync(frame.AsMemory(0, frame.Length / 2));
                return false;
            case GatewayFault.OversizeReply:
                BinaryPrimitives.WriteInt32LittleEndian(frame, 48_000_001);
                break;
            case GatewayFault.MalformedReply:
                // The document's length does not agree with the message's.
                BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(21), frame.Length);
                break;
            case GatewayFault.WrongRequestId:
                BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(8), -1);
                break;
            default:
                break;
        }

        await stream.WriteAsync(frame);
        return true;
    }

    private byte[] Frame(byte[] reply, int requestId, int operation)
    {
        int before = operation == OpMsg ? 21 : 36;
        byte[] frame = new byte[before + reply.Length];
        Span<byte> at = frame;
        BinaryPrimitives.WriteInt32LittleEndian(at, frame.Length);
        BinaryPrimitives.WriteInt32LittleEndian(at[4..], ++_replyId);
        BinaryPrimitives.WriteInt32LittleEndian(at[8..], requestId);
        BinaryPrimitives.WriteInt32LittleEndian(at[12..], operation == OpMsg ? OpMsg : OpReply);
        if (operation == OpQuery)
        {
            BinaryPrimitives.WriteInt32LittleEndian(at[16..], 8);
            BinaryPrimitives.WriteInt32LittleEndian(at[32..], 1);
        }

        reply.CopyTo(at[before..]);
        return frame;
    }
}

/// <summary>A command as it came, document sequences folded into the body.</summary>
internal sealed record GatewayRequest(string Name, string Collection, string Database, byte[] Document, bool MoreToCome)
{
    public static GatewayRequest FromMessage(ReadOnlySpan<byte> body)
    {
        int flags = BinaryPrimitives.ReadInt32LittleEndian(body);
        ReadOnlySpan<byte> sections = (flags & 1) != 0 ? body[4..^4] : body[4..];
        byte[] main = [];
        var sequences = new List<byte[]>();
        while (sections.Length > 0)
        {
            byte kind = sections[0];
            int size = BinaryPrimitives.ReadInt32LittleEndian(sections[1..]);
            byte[] content = sections.Slice(1, size).ToArray();
            if (kind == 0) main = content;
            else sequences.Add(content);
            sections = sections[(1 + size)..];
        }

        return From(sequences.Count == 0 ? main : Fold(main, sequences), "test", (flags & 2) != 0);
    }

    public static GatewayRequest FromQuery(ReadOnlySpan<byte> body)
    {
        int end = body[4..].IndexOf((byte)0);
        string collection = Encoding.UTF8.GetString(body.Slice(4, end));
        ReadOnlySpan<byte> query = body[(4 + end + 1 + 8)..];
        return From(query[..BinaryPrimitives.ReadInt32LittleEndian(query)].ToArray(),
            collection[..collection.IndexOf('.', StringComparison.Ordinal)], moreToCome: false);
    }

    private static GatewayRequest From(byte[] document, string database, bool moreToCome)
    {
        using var raw = new RawBsonDocument(document);
        BsonElement first = raw.GetElement(0);
        if (raw.TryGetValue("$db", out BsonValue db)) database = db.AsString;
        return new GatewayRequest(first.Name, first.Value.IsString ? first.Value.AsString : "", database, document, moreToCome);
    }

    private static byte[] Fold(byte[] main, List<byte[]> sequences)
    {
        BsonDocument whole = GatewayBson.Parse(main);
        foreach (byte[] sequence in sequences)
        {
            ReadOnlySpan<byte> rest = sequence.AsSpan(4);
            int end = rest.IndexOf((byte)0);
            string name = Encoding.UTF8.GetString(rest[..end]);
            var items = new BsonArray();
            for (rest = rest[(end + 1)..]; rest.Length > 0; rest = rest[BinaryPrimitives.ReadInt32LittleEndian(rest)..])
                items.Add(GatewayBson.Parse(rest[..BinaryPrimitives.ReadInt32LittleEndian(rest)].ToArray()));
            whole.Add(name, items);
        }

        return whole.ToBson();
    }
}
