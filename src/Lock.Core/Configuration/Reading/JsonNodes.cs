using System.Text;
using System.Text.Json;

namespace Locking;

/// <summary>Reads JSON, with comments and trailing commas, into nodes.</summary>
internal static class JsonNodes
{
    private const int DeepestNesting = 16;

    private static readonly JsonReaderOptions s_options = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = DeepestNesting,
    };

    /// <summary>Reads one value with nothing behind it.</summary>
    /// <exception cref="LockConfigException">The text is not JSON, or names something twice.</exception>
    public static ConfigNode Read(string json)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(json.TrimStart('\uFEFF'));
        var reader = new Utf8JsonReader(utf8, s_options);
        string path = "";
        try
        {
            reader.Read();
            ConfigNode root = ReadValue(ref reader, "", ref path);
            reader.Read(); // throws when something stands behind the value
            return root;
        }
        catch (JsonException problem)
        {
            throw EndsEarly(utf8) ? EndedEarly(json, path) : NotJson(json, path, problem);
        }
    }

    // What was reached is not to blame: no setting is the path of this error.
    private static LockConfigException EndedEarly(string json, string reached)
    {
        string text = json.TrimEnd();
        return new LockConfigException(
            "",
            $"The JSON ended early, at position {text.Length} (line {text.Count(static c => c == '\n') + 1})"
            + $"{(reached.Length > 0 ? $", in or behind {reached}" : "")}: "
            + "a brace, a bracket or a quote is not closed there, or a value is missing.");
    }

    /// <summary>Whether text that is not JSON could become it by what follows: then nothing in it is wrong but its end.</summary>
    private static bool EndsEarly(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8, isFinalBlock: false, new JsonReaderState(s_options));
            while (reader.Read())
            {
                // Only whether it can be read matters.
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // The parser's own message, and so the inner exception, may quote a piece of the text: it could be a piece of a password.
    private static LockConfigException NotJson(string json, string path, JsonException problem)
    {
        string hint = json.TrimStart() is ['{', ..]
            ? ""
            : " A configuration is an object in braces, or @ and the name of a file that holds one.";
        return new LockConfigException(
            path,
            $"The text is not JSON: line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1} (names and strings need double "
            + $"quotes; comments and trailing commas are allowed).{hint}");
    }

    private static ConfigNode ReadValue(ref Utf8JsonReader reader, string path, ref string reached)
    {
        reached = path;
        return reader.TokenType switch
        {
            JsonTokenType.StartObject => ReadObject(ref reader, path, ref reached),
            JsonTokenType.StartArray => ReadArray(ref reader, path, ref reached),
            JsonTokenType.String => new ScalarNode(path, ScalarKind.Text, ReadText(ref reader, path), IsUntyped: false),
            JsonTokenType.Number => new ScalarNode(path, ScalarKind.Number, Encoding.UTF8.GetString(reader.ValueSpan), IsUntyped: false),
            JsonTokenType.True => new ScalarNode(path, ScalarKind.True, "", IsUntyped: false),
            JsonTokenType.False => new ScalarNode(path, ScalarKind.False, "", IsUntyped: false),
            _ => new ScalarNode(path, ScalarKind.Null, "", IsUntyped: false),
        };
    }

    private static ObjectNode ReadObject(ref Utf8JsonReader reader, string path, ref string reached)
    {
        var members = new List<ConfigMember>();
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = ReadText(ref reader, path);
            string memberPath = ConfigNode.Join(path, ConfigErrors.ShowName(name));
            if (!seen.Add(name))
                throw new LockConfigException(memberPath, "is written twice in the same object. Keep one of them.");
            reached = memberPath;
            reader.Read();
            members.Add(new ConfigMember(name, ReadValue(ref reader, memberPath, ref reached)));
        }

        reached = path;
        return new ObjectNode(path, members);
    }

    private static ArrayNode ReadArray(ref Utf8JsonReader reader, string path, ref string reached)
    {
        var items = new List<ConfigNode>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            items.Add(ReadValue(ref reader, $"{path}[{items.Count}]", ref reached));
        reached = path;
        return new ArrayNode(path, items);
    }

    private static string ReadText(ref Utf8JsonReader reader, string path)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new LockConfigException(path, "A string holds half of a surrogate pair, which is no character.");
        }
    }
}
