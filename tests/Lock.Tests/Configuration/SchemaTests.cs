using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Locking.Tests.Documentation;

namespace Locking.Tests.Configuration;

/// <summary>The JSON Schema takes every example of the documentation, and refuses what the reader refuses.</summary>
public sealed class SchemaTests
{
    private static readonly JsonObject s_schema = JsonNode.Parse(LockConfig.Schema())!.AsObject();

    public static TheoryData<string> Pages =>
        [.. Directory.GetFiles(Path.Combine(Page.Root, "docs"), "*.md").Select(file => Path.GetFileName(file)!)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_json_of_the_pages_is_taken(string page)
    {
        foreach (string block in Page.Blocks(Page.Read("docs", page), "json").SelectMany(Examples))
        {
            JsonNode? node = Parse(block);
            if (node is JsonObject candidate
                && (candidate.ContainsKey("type") || candidate.ContainsKey("lockConfig") || candidate.ContainsKey("preset")))
                Assert.True(Takes(s_schema, node), block);
        }
    }

    [Theory]
    [InlineData(
        """{"type":"redis","connection":{"host":"127.0.0.1","port":6379},"lockOptions":{"driftFactor":0.01,"retryCount":0,"retryDelay":200,"retryJitter":100}}""")]
    [InlineData("""{"type":"inMemory","retry":0,"delay":100}""")]
    [InlineData("""{"type":"inMemory","connection":{"host":"h"}}""")]
    [InlineData("""{"namespace":"myApp","lockConfig":{"type":"inMemory","namespace":"test"}}""")]
    [InlineData(
        """{"type":"redLock","connection":{"endpoints":[{"host":"a"}]},"lockOptions":{"ttl":"30s","quorum":null,"format":"redlock.net"}}""")]
    [InlineData("""{"preset":"live-mutex","connection":{"udsPath":"/s"},"lockOptions":{"ttl":null,"maxRetries":3}}""")]
    public void What_is_right_is_taken(string json)
    {
        LockConfig.Parse(json);
        Assert.True(Takes(s_schema, Parse(json)));
    }

    [Theory]
    [InlineData("""{"type":"redis","conection":{}}""")]
    [InlineData("""{"type":"redis","connection":{"hots":"h"}}""")]
    [InlineData("""{"type":"redis","connection":{"port":70000}}""")]
    [InlineData("""{"type":"redis","lockOptions":{"fiar":true}}""")]
    [InlineData("""{"type":"redis","lockOptions":{"fair":"yes"}}""")]
    [InlineData("""{"type":"redis","lockOptions":{"ttl":"30"}}""")]
    [InlineData("""{"type":"redis","lockOptions":{"format":"mine"}}""")]
    [InlineData("""{"type":"redLock","connection":{"endpoints":[]}}""")]
    [InlineData("""{"type":"redLock","connection":{"endpoints":[{"launch":true}]}}""")]
    [InlineData("""{"preset":"mine"}""")]
    [InlineData("""{"namespace":"a","lockConfig":{"type":"inMemory"},"type":"inMemory"}""")]
    public void What_is_wrong_is_refused_as_the_reader_refuses_it(string json)
    {
        Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));
        Assert.False(Takes(s_schema, Parse(json)));
    }

    /// <summary>Names are listed as they are documented, for editors to complete;
    /// that the reader takes them in any case is said in words.</summary>
    [Fact]
    public void That_names_are_read_in_any_case_is_said()
    {
        const string Json = """{"TYPE":"REDIS","Connection":{"HOST":"h"}}""";
        Assert.Equal("redis", LockConfig.Parse(Json).Type);
        Assert.False(Takes(s_schema, Parse(Json)));
        Assert.Contains("read in any case", s_schema["description"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public void Secrets_are_marked_and_every_setting_is_explained()
    {
        string text = LockConfig.Schema();
        foreach (Setting row in BuiltInProviders.All.SelectMany(provider => provider.Settings.Rows))
            Assert.Contains(
                JsonEncodedText.Encode(row.Meaning, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString(), text,
                StringComparison.Ordinal);
        Assert.Contains("\"writeOnly\": true", text, StringComparison.Ordinal);
    }

    /// <summary>A block is one example, or has one in each line.</summary>
    private static IEnumerable<string> Examples(string block)
    {
        string[] lines = block.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return lines.All(line => line.StartsWith('{') && line.EndsWith('}')) ? lines : [block];
    }

    private static JsonNode? Parse(string json) =>
        JsonNode.Parse(json,
            documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });

    /// <summary>The part of JSON Schema that ours uses; another keyword fails the test.</summary>
    private static bool Takes(JsonObject schema, JsonNode? node) => schema.All(rule => rule.Key switch
    {
        "$schema" or "title" or "$defs" or "description" or "examples" or "writeOnly" or "then" => true,
        "$ref" => Takes(s_schema["$defs"]![rule.Value!.GetValue<string>()["#/$defs/".Length..]]!.AsObject(), node),
        "anyOf" => rule.Value!.AsArray().Any(one => Takes(one!.AsObject(), node)),
        "allOf" => rule.Value!.AsArray().All(one => Takes(one!.AsObject(), node)),
        "if" => !Takes(rule.Value!.AsObject(), node) || Takes(schema["then"]!.AsObject(), node),
        "type" => rule.Value is JsonArray types
            ? types.Any(type => Is(type!.GetValue<string>(), node))
            : Is(rule.Value!.GetValue<string>(), node),
        "const" => JsonNode.DeepEquals(rule.Value, node),
        "enum" => rule.Value!.AsArray().Any(one => JsonNode.DeepEquals(one, node)),
        "pattern" => node?.GetValueKind() != JsonValueKind.String || Regex.IsMatch(node.GetValue<string>(), rule.Value!.GetValue<string>()),
        "minimum" => node?.GetValueKind() != JsonValueKind.Number || node.GetValue<double>() >= rule.Value!.GetValue<double>(),
        "maximum" => node?.GetValueKind() != JsonValueKind.Number || node.GetValue<double>() <= rule.Value!.GetValue<double>(),
        "minItems" => node is not JsonArray list || list.Count >= rule.Value!.GetValue<int>(),
        "items" => node is not JsonArray items || items.All(item => Takes(rule.Value!.AsObject(), item)),
        "required" => node is not JsonObject whole || rule.Value!.AsArray().All(name => whole.ContainsKey(name!.GetValue<string>())),
        "properties" => node is not JsonObject owner
            || rule.Value!.AsObject().All(one => !owner.ContainsKey(one.Key) || Takes(one.Value!.AsObject(), owner[one.Key])),
        "additionalProperties" => node is not JsonObject all || all.All(one => schema["properties"]!.AsObject().ContainsKey(one.Key)),
        _ => throw new InvalidOperationException($"The keyword {rule.Key} is not known here."),
    });

    private static bool Is(string type, JsonNode? node) => (type, node?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String)
            or ("number", JsonValueKind.Number)
            or ("null", JsonValueKind.Null) or ("boolean", JsonValueKind.True) or ("boolean", JsonValueKind.False) => true,
        ("integer", JsonValueKind.Number) => node!.GetValue<double>() == Math.Floor(node.GetValue<double>()),
        _ => false,
    };
}
