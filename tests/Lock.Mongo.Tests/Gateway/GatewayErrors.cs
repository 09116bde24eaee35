using MongoDB.Bson;

namespace Locking;

/// <summary>MongoDB's error codes for the engine's SQLSTATEs: those that a lock can meet.</summary>
internal static class GatewayErrors
{
    private static readonly Dictionary<string, (int Code, string Name)> s_bySqlState = new()
    {
        ["23505"] = (11000, "DuplicateKey"), ["23P01"] = (11000, "DuplicateKey"), ["M001C"] = (11000, "DuplicateKey"),
        ["M0000"] = (1, "InternalError"), ["M0001"] = (2, "BadValue"), ["M0003"] = (9, "FailedToParse"), ["M0004"] = (14, "TypeMismatch"),
        ["M0006"] = (20, "IllegalOperation"), ["M0008"] = (26, "NamespaceNotFound"), ["M0009"] = (27, "IndexNotFound"), ["M000F"] =
            (48, "NamespaceExists"),
        ["M000N"] = (67, "CannotCreateIndex"), ["M000M"] = (66, "ImmutableField"), ["M000P"] = (72, "InvalidOptions"), ["M000Q"] =
            (73, "InvalidNamespace"),
        ["M000R"] = (85, "IndexOptionsConflict"), ["M000S"] = (86, "IndexKeySpecsConflict"), ["M000U"] = (115, "CommandNotSupported"),
        ["M0013"] = (224, "QueryFeatureNotAllowed"), ["M00F1"] = (112, "WriteConflict"), ["40001"] = (112, "WriteConflict"), ["40P01"] =
            (112, "WriteConflict"),
        ["57P01"] = (91, "ShutdownInProgress"), ["57P02"] = (91, "ShutdownInProgress"), ["57P03"] = (91, "ShutdownInProgress"),
        ["55P03"] = (24, "LockTimeout"), ["57014"] = (50, "MaxTimeMSExpired"),
    };

    public static (int Code, string Name) Of(string sqlState) => s_bySqlState.GetValueOrDefault(sqlState, (8, "UnknownError"));

    /// <summary>Inside replies the engine gives a SQLSTATE packed into a number, six bits a character.</summary>
    public static string Unpack(int packed) => string.Create(5, packed, static (text, bits) =>
    {
        for (int i = 0; i < text.Length; i++, bits >>= 6) text[i] = (char)((bits & 0x3F) + '0');
    });

    public static byte[] Reply(int code, string name, string message) =>
        new BsonDocument { { "ok", 0.0 }, { "errmsg", message }, { "code", code }, { "codeName", name } }.ToBson();
}
