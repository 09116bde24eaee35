using System.Collections.Concurrent;
using MongoDB.Bson;
using Npgsql;
using NpgsqlTypes;

namespace Locking;

/// <summary>Carries commands out by the engine's SQL functions.</summary>
internal sealed class GatewayCommands(GatewayConnection connection)
{
    private static readonly string[] s_withoutAuthentication =
        ["hello", "isMaster", "ismaster", "ping", "buildInfo", "buildinfo", "saslStart", "saslContinue", "endSessions"];
    private static readonly ConcurrentDictionary<long, byte[]> s_cursors = new();

    private readonly MongoGateway _gateway = connection.Gateway;

    public async Task<byte[]> RunAsync(GatewayRequest request)
    {
        if (_gateway.Options.Authentication && !connection.Scram.IsAuthorized && !s_withoutAuthentication.Contains(request.Name))
            return GatewayErrors.Reply(13, "Unauthorized", $"Command {request.Name} requires authentication");
        string db = request.Database;
        byte[] document = WithClock(request.Document);
        switch (request.Name)
        {
            case "hello" or "isMaster" or "ismaster":
                return await HelloAsync(request);
            case "buildInfo" or "buildinfo":
                return new BsonDocument { { "version", "7.0.0" }, { "versionArray", new BsonArray { 7, 0, 0, 0 } },
                    { "maxBsonObjectSize", 16777216 }, { "ok", 1.0 } }.ToBson();
            case "ping" or "endSessions":
                return Ok();
            case "saslStart":
                return await connection.Scram.StartAsync(GatewayBson.Parse(document));
            case "saslContinue":
                return await connection.Scram.ContinueAsync(GatewayBson.Parse(document));
            case "killCursors":
                return new BsonDocument { { "cursorsKilled", new BsonArray() }, { "cursorsNotFound", new BsonArray() },
                    { "cursorsAlive", new BsonArray() }, { "cursorsUnknown", new BsonArray() }, { "ok", 1.0 } }.ToBson();
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
                return await ScalarAsync("SELECT bson_to_bytea(document) FROM documentdb_api.count_query($1, bson_from_bytea($2))", db,
                    document);
            case "create":
                return await ScalarAsync("SELECT bson_to_bytea(documentdb_api.create_collection_view($1, bson_from_bytea($2)))", db,
                    document);
            case "createIndexes":
                return await CreateIndexesAsync(db, document);
            case "drop":
                return await DropAsync(db, request.Collection);
            case "createUser" or "dropUser":
                string function = request.Name == "createUser" ? "create_user" : "drop_user";
                return await ScalarAsync(
                    $"SELECT bson_to_bytea(documentdb_api.{function}(bson_from_bytea($2))) WHERE $1 <> ''", db, Plain(document));
            default:
                return GatewayErrors.Reply(59, "CommandNotFound", $"no such command: '{request.Name}'");
        }
    }

    private static byte[] Ok() => new BsonDocument("ok", 1.0).ToBson();

    private static byte[] Plain(byte[] document) =>
        GatewayBson.Without(document, "$db", "lsid", "$readPreference", "$clusterTime", "writeConcern");

    private async Task<byte[]> HelloAsync(GatewayRequest request)
    {
        bool writable = _gateway.OtherPrimary is null;
        var hello = new BsonDocument
        {
            { request.Name == "hello" ? "isWritablePrimary" : "ismaster", writable }, { "helloOk", true },
            { "maxBsonObjectSize", 16777216 }, { "maxMessageSizeBytes", 48000000 }, { "maxWriteBatchSize", 100000 },
            { "localTime", new BsonDateTime((TimeProvider.System.GetUtcNow() + _gateway.ClockOffset).ToUnixTimeMilliseconds()) },
                { "logicalSessionTimeoutMinutes", 30 },
            { "connectionId", connection.Id }, { "minWireVersion", 0 }, { "maxWireVersion", _gateway.WireVersion }, { "readOnly", false },
        };
        if (_gateway.Options.ReplicaSet is { } set)
        {
            string primary = _gateway.OtherPrimary ?? _gateway.Address;
            var hosts = new BsonArray { _gateway.Address };
            if (!writable) hosts.Add(primary);
            else if (_gateway.OtherMember is { } other) hosts.Add(other);
            hello.AddRange(
                new BsonDocument { { "setName", set }, { "setVersion", 1 }, { "secondary", !writable }, { "me", _gateway.Address },
                { "primary", primary }, { "hosts", hosts } });
        }

        BsonDocument asked = GatewayBson.Parse(request.Document);
        if (asked.Contains("saslSupportedMechs")) hello.Add("saslSupportedMechs", new BsonArray { "SCRAM-SHA-256" });
        if (asked.TryGetValue("speculativeAuthenticate", out BsonValue start)
            && GatewayBson.Parse(await connection.Scram.StartAsync(start.AsBsonDocument)) is var started && started["ok"].ToBoolean())
        {
            // One that is refused is left out: the client finds out by asking in its own message.
            hello.Add("speculativeAuthenticate", started);
        }

        return hello.Add("ok", 1.0).ToBson();
    }

    /// <summary>Gives expressions another time than the engine's, where the test asks for it.</summary>
    private byte[] WithClock(byte[] document)
    {
        long offset = (long)_gateway.ClockOffset.TotalMilliseconds;
        long? now = _gateway.Clock?.GetUtcNow().ToUnixTimeMilliseconds();
        if ((offset == 0 && now is null) || document.AsSpan().IndexOf("$$NOW\0"u8) < 0) return document;
        return GatewayBson.Copy(GatewayBson.Parse(document), (_, value) => (value, now) switch
        {
            (BsonString { Value: "$$NOW" }, { } time) => new BsonDateTime(time + offset),
            (BsonString { Value: "$$NOW" }, null) => new BsonDocument("$add", new BsonArray { "$$NOW", offset }),
            _ => null,
        }).ToBson();
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
        await using NpgsqlCommand command =
            Command($"SELECT bson_to_bytea(p_result), p_success FROM documentdb_api.{function}($1, bson_from_bytea($2))", db, document);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        byte[] reply = (byte[])row[0];
        if ((bool)row[1]) return reply;
        return GatewayBson.Copy(GatewayBson.Parse(reply), static (name, value) =>
            name == "code" && value is BsonInt32 packed ? new BsonInt32(GatewayErrors.Of(GatewayErrors.Unpack(packed.Value)).Code) : null)
                .ToBson();
    }

    private async Task<byte[]> CursorAsync(string function, string db, byte[] document)
    {
        await using NpgsqlCommand command = Command("SELECT bson_to_bytea(cursorpage), bson_to_bytea(continuation), cursorid, "
            + $"persistconnection FROM documentdb_api.{function}($1, bson_from_bytea($2))", db, document);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        if (row.IsDBNull(1)) return (byte[])row[0];
        if (row.GetBoolean(3))
            return GatewayErrors.Reply(115, "CommandNotSupported", "this cursor would have to stay on its connection to the engine");
        s_cursors[row.GetInt64(2)] = (byte[])row[1];
        return (byte[])row[0];
    }

    private async Task<byte[]> GetMoreAsync(string db, byte[] document)
    {
        long id = GatewayBson.Parse(document)["getMore"].ToInt64();
        if (!s_cursors.TryRemove(id, out byte[]? continuation))
            return GatewayErrors.Reply(43, "CursorNotFound", $"cursor id {id} not found");
        await using NpgsqlCommand command = Command("SELECT bson_to_bytea(cursorpage), bson_to_bytea(continuation) FROM "
            + "documentdb_api.cursor_get_more($1, bson_from_bytea($2), bson_from_bytea($3))", db, document);
        command.Parameters.Add(new NpgsqlParameter { Value = continuation, NpgsqlDbType = NpgsqlDbType.Bytea });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        if (!row.IsDBNull(1)) s_cursors[id] = (byte[])row[1];
        return (byte[])row[0];
    }

    /// <summary>The non-concurrent form builds at once; the other one waits for a job that runs every two seconds.</summary>
    private async Task<byte[]> CreateIndexesAsync(string db, byte[] document)
    {
        byte[] reply = await ScalarAsync("SELECT bson_to_bytea(documentdb_api_internal.create_indexes_non_concurrently($1, "
            + "bson_from_bytea($2), true))", db, Plain(document));
        bool ok = true;
        int code = 0;
        string message = "";
        var counts = new BsonDocument();
        // The reply is per shard; flatten it.
        GatewayBson.Copy(GatewayBson.Parse(reply), (name, value) =>
        {
            if (name == "code") code = value.ToInt32();
            else if (name == "errmsg") message = value.AsString;
            else if (name == "ok") ok &= value.ToBoolean();
            else if (name is "numIndexesBefore" or "numIndexesAfter") counts[name] = value;
            return null;
        });
        if (ok) return counts.Add("ok", 1.0).ToBson();
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
