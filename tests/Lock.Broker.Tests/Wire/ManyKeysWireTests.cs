using System.Text.Json;

namespace Locking;

public sealed class ManyKeysWireTests : IAsyncLifetime
{
    private readonly TestBroker _broker = new();
    private RawClient _a = null!;
    private RawClient _b = null!;

    public async Task InitializeAsync()
    {
        _a = await _broker.RawAsync();
        _b = await _broker.RawAsync();
    }

    public Task DisposeAsync() => _broker.DisposeAsync().AsTask();

    [Fact]
    public async Task Keys_are_taken_together_once_each_and_given_back_together()
    {
        JsonElement granted = await _a.AskAsync("""{"type":"acquire-many","uuid":"U1","keys":["b","a","b"],"ttl":5000}""");
        Assert.StartsWith("""{"type":"acquire-many","uuid":"U1","keys":["a","b"],"acquired":true,"lockUuid":""", granted.GetRawText());
        Assert.Equal(2, granted.GetProperty("fencingTokens").EnumerateObject().Count());
        Assert.False((await _b.AskAsync("""{"type":"lock","uuid":"U2","key":"a"}""")).GetProperty("acquired").GetBoolean());
        string? id = granted.GetProperty("lockUuid").GetString();
        JsonElement released = await _a.AskAsync($$"""{"type":"release-many","uuid":"U6","lockUuid":"{{id}}"}""");
        Assert.Equal($$"""{"type":"release-many","uuid":"U6","lockUuid":"{{id}}","keys":["a","b"],"released":true}""",
            released.GetRawText());
        Assert.True((await _b.ReadAsync()).GetProperty("acquired").GetBoolean());
        JsonElement again = await _a.AskAsync($$"""{"type":"release-many","uuid":"U7","lockUuid":"{{id}}"}""");
        Assert.Equal($"Unknown composite lockUuid=\"{id}\" (already released or never granted).", again.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Waiting_holds_nothing_and_is_granted_when_all_are_free()
    {
        await _a.AskAsync("""{"type":"lock","uuid":"U1","key":"b"}""");
        await _a.AskAsync("""{"type":"lock","uuid":"U2","key":"c"}""");
        Assert.Equal(
            """{"type":"acquire-many","uuid":"U3","keys":["a","b","c"],"acquired":false,"contendedKey":"b","lockRequestCount":1}""",
            (await _b.AskAsync("""{"type":"acquire-many","uuid":"U3","keys":["a","b","c"],"ttl":5000}""")).GetRawText());
        Assert.True((await _a.AskAsync("""{"type":"lock","uuid":"U4","key":"a","wait":false}""")).GetProperty("acquired").GetBoolean());
        await _a.AskAsync("""{"type":"unlock","uuid":"U5","key":"b","_uuid":"U1"}""");
        await _b.ExpectNothingAsync();
        await _a.AskAsync("""{"type":"unlock","uuid":"U6","key":"c","_uuid":"U2"}""");
        await _b.ExpectNothingAsync();
        await _a.AskAsync("""{"type":"unlock","uuid":"U7","key":"a","_uuid":"U4"}""");
        Assert.True((await _b.ReadAsync()).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task Without_waiting_it_is_not_queued_and_a_client_that_leaves_gives_all_up()
    {
        await _a.AskAsync("""{"type":"acquire-many","uuid":"U1","keys":["a","b"],"ttl":60000}""");
        Assert.False((await _b.AskAsync("""{"type":"acquire-many","uuid":"U2","keys":["b","c"],"wait":false}""")).GetProperty("acquired")
            .GetBoolean());
        Assert.Equal(0, _broker.Server.Locks.Table.Report("b").Waiters);
        await _b.AskAsync("""{"type":"acquire-many","uuid":"U3","keys":["a","b"],"ttl":60000}""");
        _a.Close();
        Assert.True((await _b.ReadAsync()).GetProperty("acquired").GetBoolean());
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"a\"")]
    [InlineData("[\"\"]")]
    [InlineData("[1]")]
    public async Task Bad_keys_are_refused(string keys)
    {
        JsonElement refused = await _a.AskAsync($$"""{"type":"acquire-many","uuid":"U1","keys":{{keys}}}""");
        Assert.False(refused.GetProperty("acquired").GetBoolean());
        Assert.Contains("1 to 64", refused.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Reader_and_writer_lines_are_answered()
    {
        Assert.Equal(1,
            (await _a.AskAsync("""{"type":"increment-readers","uuid":"U1","key":"k"}""")).GetProperty("readersCount").GetInt32());
        JsonElement writer = await _b.AskAsync("""{"type":"register-write-flag-and-readers-check","uuid":"U2","key":"k"}""");
        Assert.Equal("register-write-flag-and-readers-check-success", writer.GetProperty("type").GetString());
        Assert.False(writer.GetProperty("writerFlag").GetBoolean());
        Assert.Equal(1, writer.GetProperty("readersCount").GetInt32());
        await _a.SendAsync("""{"type":"register-write-flag-check","uuid":"U3","key":"k"}""");
        await _a.ExpectNothingAsync();
        Assert.Equal("decrement-readers-success",
            (await _b.AskAsync("""{"type":"decrement-readers","uuid":"U4","key":"k"}""")).GetProperty("type").GetString());
        Assert.Equal("""{"type":"broadcast-result","key":"k","uuid":"U3"}""", (await _a.ReadAsync()).GetRawText());
        Assert.Equal(
            "write-flag-false-and-broadcast-success",
            (await _b.AskAsync("""{"type":"set-write-flag-false-and-broadcast","uuid":"U5","key":"k"}""")).GetProperty("type").GetString());

        // The reader that waited counts since the broadcast, as at the original.
        JsonElement reader = await _a.AskAsync("""{"type":"lock","uuid":"U6","key":"k","rwStatus":"begin_read"}""");
        Assert.Equal(2, reader.GetProperty("readersCount").GetInt32());
    }
}
