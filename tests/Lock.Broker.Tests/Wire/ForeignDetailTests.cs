using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>What published clients write in unusual ways, and what they leave behind.</summary>
public sealed class ForeignDetailTests
{
    [Theory]
    [InlineData("7")]
    [InlineData("7.0")]
    [InlineData("[1]")]
    [InlineData("\"a\\u0062\"")]
    public async Task An_id_is_echoed_as_it_was_written(string uuid)
    {
        await using var broker = new TestBroker();
        RawClient client = await broker.RawAsync();
        RawClient other = await broker.RawAsync();
        await other.AskAsync("""{"type":"lock","uuid":"X","key":"k","ttl":60000}""");
        Assert.Equal(uuid, Uuid(await client.AskAsync($$"""{"type":"lock","uuid":{{uuid}},"key":"free","ttl":60000}""")));
        Assert.Equal(uuid, Uuid(await client.AskAsync($$"""{"type":"lock","uuid":{{uuid}},"key":"k","ttl":60000}""")));
        await other.AskAsync("""{"type":"unlock","uuid":"Y","_uuid":"X","key":"k"}""");
        JsonElement granted = await client.ReadAsync();
        Assert.True(granted.GetProperty("acquired").GetBoolean());
        Assert.Equal(uuid, Uuid(granted));
    }

    [Fact]
    public async Task After_a_restart_a_numeric_id_is_echoed_as_a_number_still()
    {
        await using var broker = new TestBroker();
        RawClient client = await broker.RawAsync(tcp: true);
        await client.AskAsync("""{"type":"lock","uuid":7,"key":"k","ttl":60000}""");
        await broker.RestartAsync();
        RawClient again = await broker.RawAsync();
        JsonElement answer = await again.AskAsync("""{"type":"lock","uuid":7,"key":"k","ttl":60000}""");
        Assert.True(answer.GetProperty("acquired").GetBoolean());
        Assert.Equal("7", Uuid(answer));
    }

    [Theory]
    [InlineData("""{"type":"lo\u0063k","uuid":"U","key":"k"}""", "lock")]
    [InlineData("""{"type":"p\u0069ng","uuid":"U","timestamp":1}""", "pong")]
    [InlineData("""{"type":"\u006ck-ping","n":1}""", "lk-done")]
    public async Task A_type_may_be_written_with_escapes(string line, string answer)
    {
        await using var broker = new TestBroker();
        RawClient client = await broker.RawAsync();
        Assert.Equal(answer, (await client.AskAsync(line)).GetProperty("type").GetString());
    }

    [Fact]
    public async Task Each_of_several_keys_counts_against_the_limits()
    {
        await using var broker = new TestBroker(options => options with { Limits = new BrokerLimits { ClaimsPerConnection = 3 } });
        RawClient client = await broker.RawAsync();
        Assert.True((await client.AskAsync("""{"type":"acquire-many","uuid":"A","keys":["a","b","c"]}""")).GetProperty("acquired")
            .GetBoolean());
        RawClient second = await broker.RawAsync();
        Assert.Contains("as many",
            (await second.AskAsync("""{"type":"acquire-many","uuid":"B","keys":["d","e","f","g"]}""")).GetProperty("error").GetString());
        Assert.Equal(3, broker.Server.Locks.Table.KeyCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Readers_and_writers_go_on_when_the_writer_is_gone(bool waiterWrites)
    {
        var time = new FakeTimeProvider();
        await using var broker = new TestBroker(clock: time);
        RawClient writer = await broker.RawAsync(tcp: true);
        RawClient waiter = await broker.RawAsync();
        await writer.AskAsync("""{"type":"register-write-flag-and-readers-check","uuid":"W","key":"k"}""");
        await waiter.SendAsync($$"""{"type":"register-write-flag{{(waiterWrites ? "-and-readers" : "")}}-check","uuid":"R","key":"k"}""");
        await waiter.ExpectNothingAsync();
        writer.Close();
        Assert.Equal("broadcast-result", (await waiter.ReadAsync()).GetProperty("type").GetString());

        // It counts from then on.
        JsonElement after = await waiter.AskAsync("""{"type":"increment-readers","uuid":"C","key":"k"}""");
        Assert.Equal(waiterWrites ? 1 : 2, after.GetProperty("readersCount").GetInt32());
    }

    [Fact]
    public async Task A_writer_whose_connection_broke_has_half_a_minute_to_come_back()
    {
        var time = new FakeTimeProvider();
        await using var broker = new TestBroker(clock: time);
        RawClient writer = await broker.RawAsync(tcp: true);
        RawClient reader = await broker.RawAsync();
        await writer.AskAsync("""{"type":"register-write-flag-and-readers-check","uuid":"W","key":"k"}""");
        await reader.SendAsync("""{"type":"register-write-flag-check","uuid":"R","key":"k"}""");
        await reader.ExpectNothingAsync();
        writer.Reset();
        while (broker.Server.ConnectionCount > 1)
            await Task.Delay(1);
        time.Advance(TimeSpan.FromSeconds(29));
        await reader.ExpectNothingAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("broadcast-result", (await reader.ReadAsync()).GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_writer_goes_on_when_the_readers_are_gone()
    {
        await using var broker = new TestBroker();
        RawClient readers = await broker.RawAsync();
        RawClient writer = await broker.RawAsync();
        await readers.AskAsync("""{"type":"register-write-flag-check","uuid":"1","key":"k"}""");
        await readers.AskAsync("""{"type":"register-write-flag-check","uuid":"2","key":"k"}""");
        await writer.SendAsync("""{"type":"register-write-flag-and-readers-check","uuid":"W","key":"k"}""");
        await writer.ExpectNothingAsync();
        readers.Close();
        Assert.Equal("broadcast-result", (await writer.ReadAsync()).GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("\"ttl\":null", true)]
    [InlineData("\"ttl\":null,\"keepLocksAfterDeath\":true", false)]
    public async Task What_never_expires_and_lost_its_connection_ends_after_half_a_minute_unless_it_is_to_be_kept(string terms, bool ends)
    {
        var time = new FakeTimeProvider();
        await using var broker = new TestBroker(clock: time);
        RawClient holder = await broker.RawAsync(tcp: true);
        Assert.True((await holder.AskAsync($$"""{"type":"lock","uuid":"H","key":"k",{{terms}}}""")).GetProperty("acquired").GetBoolean());
        RawClient waiter = await broker.RawAsync();
        Assert.False((await waiter.AskAsync("""{"type":"lock","uuid":"W","key":"k"}""")).GetProperty("acquired").GetBoolean());
        holder.Reset();
        while (broker.Server.ConnectionCount > 1)
            await Task.Delay(1);
        time.Advance(TimeSpan.FromSeconds(29));
        await waiter.ExpectNothingAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        if (ends)
            Assert.True((await waiter.ReadAsync()).GetProperty("acquired").GetBoolean());
        else
            await waiter.ExpectNothingAsync();
    }

    [Fact]
    public async Task Its_client_that_asks_again_in_time_has_it_for_ever_again()
    {
        var time = new FakeTimeProvider();
        await using var broker = new TestBroker(clock: time);
        RawClient holder = await broker.RawAsync(tcp: true);
        await holder.AskAsync("""{"type":"lock","uuid":"H","key":"k","ttl":null}""");
        holder.Reset();
        while (broker.Server.ConnectionCount > 0)
            await Task.Delay(1);
        time.Advance(TimeSpan.FromSeconds(20));
        RawClient again = await broker.RawAsync(tcp: true);
        Assert.True((await again.AskAsync("""{"type":"lock","uuid":"H","key":"k","ttl":null}""")).GetProperty("acquired").GetBoolean());
        time.Advance(TimeSpan.FromHours(1));
        Assert.False((await again.AskAsync("""{"type":"lock","uuid":"X","key":"k","wait":false}""")).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task The_end_of_the_broker_itself_gives_it_no_end()
    {
        await using var broker = new TestBroker();
        RawClient holder = await broker.RawAsync(tcp: true);
        await holder.AskAsync("""{"type":"lock","uuid":"H","key":"k","ttl":null}""");
        await broker.RestartAsync();
        Assert.Equal(long.MaxValue, Assert.Single(RecordFile.Read(RecordFile.Of(broker.Path))).Until);
    }

    private static string Uuid(JsonElement answer) => answer.GetProperty("uuid").GetRawText();
}
