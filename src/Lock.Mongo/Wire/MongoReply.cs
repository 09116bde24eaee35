namespace Locking;

/// <summary>What every reply has in common: whether it worked, else why not.</summary>
/// <param name="Ok">The command as a whole worked.</param>
/// <param name="Code">MongoDB's number for the error, or 0.</param>
/// <param name="Message">What the server says about it.</param>
/// <param name="HasParts">Errors of single writes, or of the write concern, are listed, though the command as a whole worked.</param>
internal readonly record struct MongoReply(bool Ok, int Code, string Message, bool HasParts)
{
    private static readonly int[] NotPrimaryCodes = [10107, 13435, 11602, 11600, 189, 91];

    /// <summary>The server is not, or not any more, the one that takes writes.</summary>
    public bool IsNotPrimary => IsNotPrimaryCode(Code);

    /// <summary>The server refused before it did anything. The other "not primary" answers may come while a command is under way.</summary>
    public bool IsRefusedBeforeRunning => Code is 10107 or 13435;

    public static bool IsNotPrimaryCode(int code) => NotPrimaryCodes.Contains(code);

    /// <summary>Reads the fields that every reply has.</summary>
    /// <exception cref="BsonFormatException">The reply is malformed.</exception>
    public static MongoReply Parse(ReadOnlySpan<byte> reply)
    {
        bool ok = false;
        int code = 0;
        string message = "";
        bool hasParts = false;
        var reader = new BsonReader(reply);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Is("ok"u8)) ok = field.AsFlag();
            else if (field.Is("code"u8)) code = (int)field.AsNumber();
            else if (field.Is("errmsg"u8)) message = field.AsString();
            else hasParts |= field.Is("writeErrors"u8) || field.Is("writeConcernError"u8);
        }

        return new MongoReply(ok, code, message, hasParts);
    }

    /// <summary>Turns a refusal into an exception.</summary>
    /// <exception cref="MongoCommandException">The reply says that the command did not work.</exception>
    public static void ThrowIfNotOk(ReadOnlySpan<byte> reply)
    {
        MongoReply parsed = Parse(reply);
        if (!parsed.Ok) throw new MongoCommandException(parsed.Code, parsed.Message);
    }
}
