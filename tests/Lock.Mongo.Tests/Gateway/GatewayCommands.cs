using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;

namespace Locking;

/// <summary>Carries commands out by the engine's SQL functions.</summary>
internal sealed class GatewayCommands(GatewayConnection connection)
{
    private static readonly string[] WithoutAuthentication = ["hello", "isMaster", "ismaster", "ping", "buildInfo", "buildinfo", "saslStart", "saslContinue", "endSessions"];
    private static readonly ConcurrentDictionary<long, byte[]> Cursors = new();

    private readonly MongoGateway _gateway = connection.Gateway;

    public async Task<byte[]> RunAsync(GatewayRequest request)
    {
        if (_gateway.Options.Authentication && !connection.Scram.IsAuthorized && !WithoutAuthentication.Contains(request.Name))
            return GatewayErrors.Reply(13, "Unauthorized", $"Command {request.Name} requires authentication");
        string db = request.Database;
        byte[] document = WithClock(request.Document);
        switch (request.Name)
        {
            case "hello" or "isMaster" or "ismaster":
                return await HelloAsync(request);
            case "buildInfo" or "buildinfo":
                return new BsonWriter().String("version", "7.0.0").Array("versionArray").Int32("0", 7).Int32("1", 0).Int32("2", 0).Int32("3", 0).End().Int32("maxBsonObjectSize", 16777216).Double("ok", 1).ToDocument().ToArray();
            case "ping" or "endSessions":
                return Ok();
            case "saslStart":
                return await connection.Scram.StartAsync(document);
            case "saslContinue":
                return await connection.Scram.ContinueAsync(document);
            case "killCursors":
                return new BsonWriter().Array("cursorsKilled").End().Array("cursorsNotFound").End().Array("cursorsAlive").End().Array("cursorsUnknown").End().Double("ok", 1).ToDocument().ToArray();
            case "insert" or "update" or "delete":
                return await WriteAsync(request.Name, db, document);
            case "findAndModify" or "findandmodify":
                return await WriteAsync("find_and_modify", db, document);
            case "find":
                return await CursorAsync("find_cursor_first_page", db, document);
            case "aggregate":
                return await CursorAsync("aggregate_cursor_first_page", db, document);
            case "listCollections":
                return await CursorAsync("list_collections_cursor_first_page", db, document);
            case "listIndexes":
                return await CursorAsync("list_indexes_cursor_first_page", db, document);
            case "getMore":
                return await GetMoreAsync(db, document);
            case "count":
                return await ScalarAsync("SELECT bson_to_bytea(document) FROM documentdb_api.count_query($1, bson_from_bytea($2))", db, document);
            case "create":
                return await ScalarAsync("SELECT bson_to_bytea(documentdb_api.create_collection_view($1, bson_from_bytea($2)))", db, document);
            case "createIndexes":
                return await CreateIndexesAsync(db, document);
            case "drop":
                return await DropAsync(db, request.Collection);
            case "createUser" or "dropUser":
                return await ScalarAsync($"SELECT bson_to_bytea(documentdb_api.{(request.Name == "createUser" ? "create_user" : "drop_user")}(bson_from_bytea($2))) WHERE $1 <> ''", db, Plain(document));
            default:
                return GatewayErrors.Reply(59, "CommandNotFound", $"no such command: '{request.Name}'");
        }
    }

    private static byte[] Ok() => new BsonWriter().Double("ok", 1).ToDocument().ToArray();

    private static byte[] Plain(byte[] document) => BsonRewrite.Without(document, "$db", "lsid", "$readPreference", "$clusterTime", "writeConcern");

    private async Task<byte[]> HelloAsync(GatewayRequest request)
    {
        bool writable = _gateway.OtherPrimary is null;
        BsonWriter hello = new BsonWriter()
            .Boolean(request.Name == "hello" ? "isWritablePrimary" : "ismaster", writable).Boolean("helloOk", true)
            .Int32("maxBsonObjectSize", 16777216).Int32("maxMessageSizeBytes", 48000000).Int32("maxWriteBatchSize", 100000)
            .DateTime("localTime", (TimeProvider.System.GetUtcNow() + _gateway.ClockOffset).ToUnixTimeMilliseconds()).Int32("logicalSessionTimeoutMinutes", 30)
            .Int32("connectionId", connection.Id).Int32("minWireVersion", 0).Int32("maxWireVersion", 21).Boolean("readOnly", false);
        if (_gateway.Options.ReplicaSet is { } set)
        {
            string primary = _gateway.OtherPrimary ?? _gateway.Address;
            hello.String("setName", set).Int32("setVersion", 1).Boolean("secondary", !writable).String("me", _gateway.Address).String("primary", primary);
            hello.Array("hosts").String("0", _gateway.Address);
            if (!writable) hello.String("1", primary);
            else if (_gateway.OtherMember is { } other) hello.String("1", other);
            hello.End();
        }

        hello.Array("saslSupportedMechs").String("0", "SCRAM-SHA-256").End();
        if (SpeculativeStart(request.Document) is { } start) hello.Raw(BsonType.Document, "speculativeAuthenticate", await connection.Scram.StartAsync(start));
        return hello.Double("ok", 1).ToDocument().ToArray();
    }

    private static byte[]? SpeculativeStart(byte[] document) =>
        BsonReader.TryFind(document, "speculativeAuthenticate"u8, out BsonElement start) ? start.Value.ToArray() : null;

    /// <summary>Gives expressions another time than the engine's, where the test asks for it.</summary>
    private byte[] WithClock(byte[] document)
    {
        long offset = (long)_gateway.ClockOffset.TotalMilliseconds;
        long? now = _gateway.Clock?.GetUtcNow().ToUnixTimeMilliseconds();
        if ((offset == 0 && now is null) || document.AsSpan().IndexOf("$$NOW\0"u8) < 0) return document;
        return BsonRewrite.Copy(document, (to, field) =>
        {
            if (field.Type != BsonType.String || field.AsString() != "$$NOW") return false;
            if (now is { } time) to.DateTime(field.NameText, time + offset);
            else to.Document(field.NameText).Array("$add").String("0", "$$NOW").Int64("1", offset).End().End();
            return true;
        });
    }

    private NpgsqlCommand Command(string sql, string db, byte[] document)
    {
        NpgsqlCommand command = _gateway.Engine.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter { Value = db, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = document, NpgsqlDbType = NpgsqlDbType.Bytea });
        return command;
    }

    private async Task<byte[]> ScalarAsync(string sql, string db, byte[] document)
    {
        await using NpgsqlCommand command = Command(sql, db, document);
        return (byte[])(await command.ExecuteScalarAsync())!;
    }

    private async Task<byte[]> WriteAsync(string function, string db, byte[] document)
    {
        await using NpgsqlCommand command = Command($"SELECT bson_to_bytea(p_result), p_success FROM documentdb_api.{function}($1, bson_from_bytea($2))", db, document);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        var reply = (byte[])row[0];
        if ((bool)row[1]) return reply;
        return BsonRewrite.Copy(reply, static (to, field) =>
        {
            if (!field.Is("code"u8) || field.Type != BsonType.Int32) return false;
            to.Int32("code", GatewayErrors.Of(GatewayErrors.Unpack((int)field.AsNumber())).Code);
            return true;
        });
    }

    private async Task<byte[]> CursorAsync(string function, string db, byte[] document)
    {
        await using NpgsqlCommand command = Command($"SELECT bson_to_bytea(cursorpage), bson_to_bytea(continuation), cursorid, persistconnection FROM documentdb_api.{function}($1, bson_from_bytea($2))", db, document);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        if (row.IsDBNull(1)) return (byte[])row[0];
        if (row.GetBoolean(3)) return GatewayErrors.Reply(115, "CommandNotSupported", "this cursor would have to stay on its connection to the engine");
        Cursors[row.GetInt64(2)] = (byte[])row[1];
        return (byte[])row[0];
    }

    private async Task<byte[]> GetMoreAsync(string db, byte[] document)
    {
        long id = BsonReader.TryFind(document, "getMore"u8, out BsonElement cursor) ? cursor.AsNumber() : 0;
        if (!Cursors.TryRemove(id, out byte[]? continuation)) return GatewayErrors.Reply(43, "CursorNotFound", $"cursor id {id} not found");
        await using NpgsqlCommand command = Command("SELECT bson_to_bytea(cursorpage), bson_to_bytea(continuation) FROM documentdb_api.cursor_get_more($1, bson_from_bytea($2), bson_from_bytea($3))", db, document);
        command.Parameters.Add(new NpgsqlParameter { Value = continuation, NpgsqlDbType = NpgsqlDbType.Bytea });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        if (!row.IsDBNull(1)) Cursors[id] = (byte[])row[1];
        return (byte[])row[0];
    }

    /// <summary>The non-concurrent form builds at once; the other one waits for a job that runs every two seconds.</summary>
    private async Task<byte[]> CreateIndexesAsync(string db, byte[] document)
    {
        byte[] reply = await ScalarAsync("SELECT bson_to_bytea(documentdb_api_internal.create_indexes_non_concurrently($1, bson_from_bytea($2), true))", db, Plain(document));
        bool ok = true;
        int code = 0;
        string message = "";
        var counts = new BsonWriter();
        // The reply is per shard; flatten it.
        BsonRewrite.Copy(reply, (_, field) =>
        {
            if (field.Is("code"u8)) code = (int)field.AsNumber();
            else if (field.Is("errmsg"u8)) message = field.AsString();
            else if (field.Is("ok"u8)) ok &= field.AsFlag();
            else if (field.Is("numIndexesBefore"u8) || field.Is("numIndexesAfter"u8)) counts.Int32(field.NameText, (int)field.AsNumber());
            return false;
        });
        if (ok) return counts.Double("ok", 1).ToDocument().ToArray();
        (int mapped, string name) = GatewayErrors.Of(GatewayErrors.Unpack(code));
        return GatewayErrors.Reply(mapped, name, message);
    }

    private async Task<byte[]> DropAsync(string db, string collection)
    {
        await using NpgsqlCommand command = _gateway.Engine.CreateCommand("SELECT documentdb_api.drop_collection($1, $2)");
        command.Parameters.Add(new NpgsqlParameter { Value = db, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = collection, NpgsqlDbType = NpgsqlDbType.Text });
        return (bool)(await command.ExecuteScalarAsync())! ? Ok() : GatewayErrors.Reply(26, "NamespaceNotFound", "ns not found");
    }
}
