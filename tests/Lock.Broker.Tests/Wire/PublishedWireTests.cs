using System.Text;
using System.Text.Json;
using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The published protocol line by line, as its clients need it.</summary>
public sealed class PublishedWireTests : IAsyncLifetime
{
    private TestBroker _broker = new();
    private RawClient _a = null!;
    private RawClient _b = null!;

    public async Task InitializeAsync()
    {
        _a = await _broker.RawAsync(tcp: true);
        _b = await _broker.RawAsync();
    }

    public Task DisposeAsync() => _broker.DisposeAsync().AsTask();

    [Fact]
    public async Task A_lock_is_answered_at_once_with_the_fields_that_clients_read()
    {
        await _a.SendAsync("""{"type":"version","value":"0.2.25","max":null,"pid":4242,"keepLocksAfterDeath":false}""");
        JsonElement granted = await _a.AskAsync(Lock("k", "U1"));
        Assert.Equal(
            ["readersCount", "uuid", "lockRequestCount", "key", "type", "acquired", "fencingToken"],
            granted.EnumerateObject().Select(property => property.Name));
        Assert.StartsWith("""{"readersCount":0,"uuid":"U1","lockRequestCount":0,"key":"k","type":"lock","acquired":true,""",
            granted.GetRawText());
        JsonElement queued = await _b.AskAsync(Lock("k", "U2"));
        Assert.Equal("""{"readersCount":0,"uuid":"U2","lockRequestCount":0,"key":"k","type":"lock","acquired":false}""",
            queued.GetRawText());
    }

    [Fact]
    public async Task The_unlock_is_answered_before_the_grant_that_it_causes()
    {
        JsonElement first = await _a.AskAsync(Lock("k", "U1"));
        await _a.AskAsync(Lock("k", "U2"));
        await _a.SendAsync(Unlock("k", "U1", "U9"));
        JsonElement unlocked = await _a.ReadAsync();
        Assert.Equal("""{"uuid":"U9","key":"k","lockRequestCount":1,"type":"unlock","unlocked":true}""", unlocked.GetRawText());
        JsonElement granted = await _a.ReadAsync();
        Assert.Equal("U2", granted.GetProperty("uuid").GetString());
        Assert.True(granted.GetProperty("acquired").GetBoolean());
        Assert.True(Token(granted) > Token(first));
    }

    [Theory]
    [InlineData("\"k\"")]
    [InlineData("5")]
    [InlineData("\"\"")]
    [InlineData("\"__proto__\"")]
    [InlineData("{\"a\":[1,2]}")]
    [InlineData("\"\\ud83d\\udd11 \\u0001 \\\"\"")]
    public async Task The_key_comes_back_with_its_type(string key)
    {
        await _a.SendAsync($$"""{"type":"lock","uuid":"U1","key":{{key}},"ttl":5000}""");
        Assert.Contains($"\"key\":{key},", await _a.ReadLineAsync());
        await _b.SendAsync($$"""{"type":"lock","uuid":"U2","key":{{key}},"ttl":5000}""");
        Assert.Contains("\"acquired\":false", await _b.ReadLineAsync());
        await _a.SendAsync($$"""{"type":"unlock","uuid":"U3","_uuid":"U1","key":{{key}}}""");
        Assert.Contains("\"unlocked\":true", await _a.ReadLineAsync());
        Assert.Contains($"\"key\":{key},", await _b.ReadLineAsync());
    }

    [Fact]
    public async Task A_repeated_request_keeps_its_place_and_a_holder_its_token()
    {
        JsonElement granted = await _a.AskAsync(Lock("k", "U1"));
        JsonElement again = await _a.AskAsync(Lock("k", "U1", retry: 1));
        Assert.True(again.GetProperty("acquired").GetBoolean());
        Assert.Equal(Token(granted), Token(again));
        await _b.AskAsync(Lock("k", "U2"));
        await _a.AskAsync(Lock("k", "U3"));
        Assert.False((await _b.AskAsync(Lock("k", "U2", retry: 1))).GetProperty("acquired").GetBoolean());
        Assert.Equal(2, _broker.Server.Locks.Table.Report("k").Waiters);
        await _a.AskAsync(Unlock("k", "U1", "U9"));
        Assert.Equal("U2", (await _b.ReadAsync()).GetProperty("uuid").GetString());
        await _b.ExpectNothingAsync();
        await _a.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_repeated_request_that_lost_its_place_and_force_go_to_the_front()
    {
        await _a.AskAsync(Lock("k", "U1"));
        await _a.AskAsync(Lock("k", "U2"));
        await _b.AskAsync(Lock("k", "U3", retry: 2));
        await _b.AskAsync("""{"type":"lock","uuid":"U4","key":"k","ttl":5000,"force":true}""");
        await _a.AskAsync(Unlock("k", "U1", "U9"));
        Assert.Equal("U4", (await _b.ReadAsync()).GetProperty("uuid").GetString());
        await _b.SendAsync(Unlock("k", "U4", "U8"));
        await _b.ReadAsync();
        Assert.Equal("U3", (await _b.ReadAsync()).GetProperty("uuid").GetString());
    }

    [Theory]
    [InlineData("\"0.2.0\"", true)]
    [InlineData("\"0.2.99\"", true)]
    [InlineData("\"0.29.1\"", true)]
    [InlineData("\"0.1.9\"", false)]
    [InlineData("\"0.3.0\"", false)]
    [InlineData("\"1.2.25\"", false)]
    [InlineData("\"0\"", false)]
    [InlineData("0.2", false)]
    [InlineData("null", false)]
    public async Task Versions_pass_as_in_the_original(string version, bool passes)
    {
        await _a.SendAsync($$"""{"type":"version","value":{{version}}}""");
        if (passes)
        {
            await _a.ExpectNothingAsync();
            return;
        }

        Assert.Equal(
            $$$"""{"type":"version-mismatch","versions":{"clientVersion":{{{version}}},"brokerVersion":"0.2.25"}}""",
            await _a.ReadLineAsync());
        long began = TimeProvider.System.GetTimestamp();
        await _a.SendAsync("""{"type":"version-mismatch-confirmed"}""");
        await _a.SendAsync(Lock("k", "U1"));
        Assert.Null(await _a.ReadLineAsync());
        Assert.True(TimeProvider.System.GetElapsedTime(began) >= TimeSpan.FromSeconds(1.8), "it would come back at once, for ever");
    }

    [Fact]
    public async Task Errors_carry_the_texts_and_ids_that_clients_know()
    {
        await _a.AskAsync(Lock("k", "U1"));
        JsonElement wrong = await _b.AskAsync(Unlock("k", "nobody", "U2"));
        Assert.Equal("You need to pass the correct uuid, or use force.", wrong.GetProperty("error").GetString());
        Assert.False(wrong.GetProperty("unlocked").GetBoolean());
        Assert.Equal("U2", wrong.GetProperty("uuid").GetString());
        JsonElement without = await _b.AskAsync("""{"type":"unlock","uuid":"U3","key":"k"}""");
        Assert.False(without.GetProperty("unlocked").GetBoolean());
        JsonElement unknown = await _b.AskAsync("""{"type":"bogus","uuid":"U4","key":"k"}""");
        Assert.Equal("""{"key":"k","uuid":"U4","error":"Malformed data sent to Live-Mutex broker."}""", unknown.GetRawText());
        JsonElement never = await _b.AskAsync(Unlock("never", "x", "U5"));
        Assert.Equal("no lock with key => \"never\".", never.GetProperty("warning").GetString());
        Assert.True(never.GetProperty("unlocked").GetBoolean());
        Assert.False(never.TryGetProperty("error", out _));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("\"3\"")]
    [InlineData("1.5")]
    public async Task A_bad_max_is_refused_and_not_queued(string max)
    {
        JsonElement refused = await _a.AskAsync($$"""{"type":"lock","uuid":"U","key":"z","max":{{max}}}""");
        Assert.Equal("`max` must be a positive integer (>= 1) when provided; omit the field to keep the default.",
            refused.GetProperty("error").GetString());
        Assert.Equal("U", refused.GetProperty("uuid").GetString());
        Assert.False(refused.GetProperty("acquired").GetBoolean());
        Assert.True((await _b.AskAsync(Lock("z", "V"))).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task Lines_are_read_whatever_stands_around_them()
    {
        await _a.SendBytesAsync("\r\n\n   \nnot json\n{\"type\":\"lock\"\n"u8.ToArray());
        await _a.SendBytesAsync("junk{\"type\":\"lock\",\"uuid\":\"U1\",\"key\":\"k\",\"future\":{\"a\":[{}]}}\r\n"u8.ToArray());
        Assert.Equal("U1", (await _a.ReadAsync()).GetProperty("uuid").GetString());
        await _a.SendBytesAsync(Encoding.UTF8.GetBytes(Unlock("k", "U1", "U2") + "\n" + Lock("k", "U3") + "\n" + Lock("k", "U4") + "\n"));
        Assert.Equal("U2", (await _a.ReadAsync()).GetProperty("uuid").GetString());
        Assert.Equal("U3", (await _a.ReadAsync()).GetProperty("uuid").GetString());
        Assert.Equal("U4", (await _a.ReadAsync()).GetProperty("uuid").GetString());
    }

    [Fact]
    public async Task A_character_may_arrive_in_pieces()
    {
        byte[] line = Encoding.UTF8.GetBytes(Lock("schlüssel/鍵", "U1") + "\n");
        foreach (byte one in line)
            await _a.SendBytesAsync(new[] { one });
        Assert.Equal("schlüssel/鍵", (await _a.ReadAsync()).GetProperty("key").GetString());
        Assert.False((await _b.AskAsync(Lock("schlüssel/鍵", "U2"))).GetProperty("acquired").GetBoolean());
    }

    [Theory]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("\"text\"")]
    [InlineData("[1,2]")]
    [InlineData("true")]
    public async Task Json_that_is_no_object_is_answered_and_harms_nothing(string line)
    {
        JsonElement answer = await _a.AskAsync(line);
        Assert.Equal("Malformed data sent to Live-Mutex broker.", answer.GetProperty("error").GetString());
        await _a.ExpectNothingAsync();
    }

    [Fact]
    public async Task Bytes_that_are_not_utf8_are_ignored()
    {
        await _a.SendBytesAsync(new byte[] { 0x7b, 0xff, 0xfe, 0x7d, 0x0a });
        await _a.ExpectNothingAsync();
    }

    [Fact]
    public async Task The_missing_acknowledgement_takes_the_lock_from_that_client_alone()
    {
        await _broker.DisposeAsync();
        (TestClock clock, TimeSpan limit) = (new TestClock(), TimeSpan.FromSeconds(5));
        _broker = new TestBroker(options => options with { AcknowledgeTimeout = limit }, clock);
        _a = await _broker.RawAsync();
        _b = await _broker.RawAsync();
        await _a.AskAsync(Lock("k", "U1"));
        await _a.AskAsync(Lock("k", "U2"));
        await _b.AskAsync(Lock("k", "U3"));
        await _a.AskAsync(Unlock("k", "U1", "U9"));
        await _a.ReadAsync();

        // U2 says nothing: U3 has it next, acknowledges, and keeps it.
        clock.Advance(limit * 2);
        Assert.Equal("U3", (await _b.ReadAsync()).GetProperty("uuid").GetString());
        await _b.SendAsync("""{"type":"lock-received","uuid":"U3","key":"k"}""");
        await _b.ExpectNothingAsync();
        clock.Advance(limit * 2);
        Assert.False((await _a.AskAsync(Lock("k", "U4"))).GetProperty("acquired").GetBoolean());
        Assert.True((await _b.AskAsync(Unlock("k", "U3", "U5"))).GetProperty("unlocked").GetBoolean());
        Assert.Equal("U4", (await _a.ReadAsync()).GetProperty("uuid").GetString());
    }

    [Theory]
    [InlineData("lock-received-rejected")]
    [InlineData("lock-client-timeout")]
    [InlineData("lock-client-error")]
    public async Task A_grant_that_is_refused_goes_to_the_next_at_once(string refusal)
    {
        await _a.AskAsync(Lock("k", "U1"));
        await _a.AskAsync(Lock("k", "U2"));
        await _b.AskAsync(Lock("k", "U3"));
        await _a.AskAsync(Unlock("k", "U1", "U9"));
        await _a.ReadAsync();
        await _a.SendAsync($$"""{"type":"{{refusal}}","uuid":"U2","key":"k"}""");
        Assert.Equal("U3", (await _b.ReadAsync()).GetProperty("uuid").GetString());
    }

    [Fact]
    public async Task Giving_up_leaves_the_queue_and_does_not_touch_a_holder()
    {
        await _a.AskAsync(Lock("k", "U1"));
        await _b.AskAsync(Lock("k", "U2"));
        await _b.SendAsync("""{"type":"lock-client-timeout","uuid":"U2","key":"k"}""");
        await _b.ExpectNothingAsync();
        Assert.Equal(0, _broker.Server.Locks.Table.Report("k").Waiters);
        await _a.SendAsync("""{"type":"lock-client-timeout","uuid":"U1","key":"k"}""");
        await _a.ExpectNothingAsync();
        Assert.False((await _b.AskAsync(Lock("k", "U3"))).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task A_late_unlock_is_true_once_and_never_grants_beside_the_holder()
    {
        var time = new FakeTimeProvider();
        await using var broker = new TestBroker(clock: time);
        RawClient late = await broker.RawAsync(tcp: true);
        RawClient others = await broker.RawAsync();
        await late.AskAsync(Lock("k", "U1", ttl: "50"));
        Assert.False((await others.AskAsync(Lock("k", "U2"))).GetProperty("acquired").GetBoolean());
        time.Advance(TimeSpan.FromMilliseconds(51));
        Assert.Equal("U2", (await others.ReadAsync()).GetProperty("uuid").GetString());
        await others.AskAsync(Lock("k", "U3"));
        Assert.True((await late.AskAsync(Unlock("k", "U1", "U8"))).GetProperty("unlocked").GetBoolean());
        await others.ExpectNothingAsync();
        Assert.False((await late.AskAsync(Unlock("k", "U1", "U9"))).GetProperty("unlocked").GetBoolean());
    }

    [Theory]
    [InlineData("null", -1)]
    [InlineData("2147483648", 2147483648)]
    [InlineData("9007199254740991", 864_000_000_000)]
    [InlineData("0", 5000)]
    [InlineData("\"7050\"", 7050)]
    [InlineData("{}", 5000)]
    public async Task A_ttl_means_what_it_says(string ttl, long milliseconds)
    {
        await _a.AskAsync(Lock("k", "U1", ttl: ttl));
        LockInfo? info = await _broker.Store().GetAsync("k", default);
        if (milliseconds < 0)
            Assert.Equal(TimeSpan.MaxValue, info!.Remaining);
        else
            Assert.InRange(info!.Remaining.TotalMilliseconds, milliseconds - 2000, milliseconds + 1);
    }

    [Fact]
    public async Task Each_holder_of_a_semaphore_has_its_own_deadline()
    {
        await _a.AskAsync("""{"type":"lock","uuid":"U1","key":"s","ttl":100,"max":2}""");
        await _a.AskAsync("""{"type":"lock","uuid":"U2","key":"s","ttl":60000,"max":2}""");
        await _b.AskAsync("""{"type":"lock","uuid":"U3","key":"s","ttl":60000,"max":2}""");
        await _b.AskAsync("""{"type":"lock","uuid":"U4","key":"s","ttl":60000,"max":2}""");
        Assert.Equal("U3", (await _b.ReadAsync()).GetProperty("uuid").GetString());
        await _b.ExpectNothingAsync();
    }

    [Fact]
    public async Task Without_waiting_it_is_not_queued()
    {
        await _a.AskAsync(Lock("k", "U1"));
        Assert.False((await _b.AskAsync("""{"type":"lock","uuid":"U2","key":"k","wait":false}""")).GetProperty("acquired").GetBoolean());
        Assert.Equal(0, _broker.Server.Locks.Table.Report("k").Waiters);
    }

    [Fact]
    public async Task Questions_have_true_answers()
    {
        await _a.AskAsync(Lock("k", "U1"));
        await _b.AskAsync(Lock("k", "U2"));
        Assert.Equal("""{"ls_result":["k"],"uuid":"Q"}""", (await _b.AskAsync("""{"type":"ls","uuid":"Q"}""")).GetRawText());
        Assert.Equal(
            """{"key":"k","uuid":"Q","lockholderUUIDs":["U1"],"lockRequestCount":1,"isLocked":true,"lockInfo":true,"type":"lock-info-response"}""",
            (await _b.AskAsync("""{"type":"lock-info-request","uuid":"Q","key":"k"}""")).GetRawText());
        Assert.False((await _b.AskAsync("""{"type":"lock-info-request","uuid":"Q","key":"free"}""")).GetProperty("isLocked").GetBoolean());
        Assert.Equal("""{"inspectResult":1}""", (await _b.AskAsync("""{"inspectCommand":"lockcount"}""")).GetRawText());
        Assert.Equal("""{"inspectResult":2}""", (await _b.AskAsync("""{"inspectCommand":"clientcount"}""")).GetRawText());
        Assert.Equal("""{"error":"inspectCommand was not a string"}""", (await _b.AskAsync("""{"inspectCommand":5}""")).GetRawText());
        JsonElement pong = await _b.AskAsync("""{"type":"ping","uuid":"U","timestamp":1234}""");
        Assert.Equal(1234, pong.GetProperty("timestamp").GetInt32());
        Assert.Equal(2,
            (await _b.AskAsync("""{"type":"system-stats-request","uuid":"U"}""")).GetProperty("stats")
                .GetProperty("connectedClients").GetInt32());
    }

    [Fact]
    public async Task Any_connection_that_knows_the_id_may_unlock()
    {
        await _a.AskAsync(Lock("k", "U1"));
        Assert.True((await _b.AskAsync(Unlock("k", "U1", "U2"))).GetProperty("unlocked").GetBoolean());
    }

    private static long Token(System.Text.Json.JsonElement granted) => granted.GetProperty("fencingToken").GetInt64();

    private static string Lock(string key, string uuid, int retry = 0, string ttl = "60000") =>
        $$"""{"keepLocksAfterDeath":false,"retryCount":{{retry}},"uuid":"{{uuid}}","key":"{{key}}","type":"lock","ttl":{{ttl}},"rwStatus":null,"max":null,"pid":4242}""";

    private static string Unlock(string key, string id, string uuid) =>
        $$"""{"_uuid":"{{id}}","uuid":"{{uuid}}","key":"{{key}}","rwStatus":null,"force":false,"type":"unlock","max":null,"pid":4242}""";
}
