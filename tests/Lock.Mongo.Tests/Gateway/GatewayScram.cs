using System.Security.Cryptography;
using System.Text;
using MongoDB.Bson;
using Npgsql;
using NpgsqlTypes;

namespace Locking;

/// <summary>The server's half of SCRAM-SHA-256, with the engine's own verifiers.</summary>
internal sealed class GatewayScram(NpgsqlDataSource engine)
{
    private string _user = "";
    private string _nonce = "";
    private string _firstMessages = "";
    private bool _proofed;

    public bool IsAuthorized { get; private set; }

    public async Task<byte[]> StartAsync(BsonDocument request)
    {
        string mechanism = request["mechanism"].AsString;
        if (mechanism != "SCRAM-SHA-256")
            return GatewayErrors.Reply(334, "MechanismUnavailable", $"mechanism {mechanism} is not supported");
        string first = Payload(request);
        string bare = first[(first.IndexOf(",,", StringComparison.Ordinal) + 2)..];
        Dictionary<char, string> fields = Fields(bare);
        _user = fields['n'].Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
        BsonDocument verifier =
            await ScalarAsync("SELECT bson_to_bytea(documentdb_api_internal.scram_sha256_get_salt_and_iterations($1))", _user);
        if (!IsOk(verifier)) return Refused();
        _nonce = fields['r'] + Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        string challenge = $"r={_nonce},s={verifier["salt"].AsString},i={verifier["iterations"].ToInt32()}";
        _firstMessages = bare + "," + challenge;
        _proofed = false;
        return Step(challenge, done: false);
    }

    public async Task<byte[]> ContinueAsync(BsonDocument request)
    {
        if (_proofed)
        {
            IsAuthorized = true;
            return Step("", done: true);
        }

        Dictionary<char, string> fields = Fields(Payload(request));
        if (fields.GetValueOrDefault('r') != _nonce) return Refused();
        BsonDocument answer = await ScalarAsync(
            "SELECT bson_to_bytea(documentdb_api_internal.authenticate_with_scram_sha256($1, $2, $3))",
            _user, $"{_firstMessages},c={fields['c']},r={_nonce}", fields['p']);
        if (!IsOk(answer)) return Refused();
        // Not done yet: as old servers do, one empty exchange more is asked for.
        _proofed = true;
        return Step("v=" + answer["ServerSignature"].AsString, done: false);
    }

    private static byte[] Refused() => GatewayErrors.Reply(18, "AuthenticationFailed", "Authentication failed.");

    private static byte[] Step(string payload, bool done) => new BsonDocument { { "conversationId", 1 }, { "done", done },
        { "payload", new BsonBinaryData(Encoding.UTF8.GetBytes(payload)) }, { "ok", 1.0 } }.ToBson();

    private static string Payload(BsonDocument request) => Encoding.UTF8.GetString(request["payload"].AsByteArray);

    private static Dictionary<char, string> Fields(string message) => message.Split(',').ToDictionary(part => part[0], part => part[2..]);

    private static bool IsOk(BsonDocument reply) => reply["ok"].ToBoolean();

    private async Task<BsonDocument> ScalarAsync(string sql, params string[] values)
    {
        await using NpgsqlCommand command = engine.CreateCommand(sql);
        foreach (string value in values) command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Text });
        return GatewayBson.Parse((byte[])(await command.ExecuteScalarAsync())!);
    }
}
