using System.Text;
using System.Text.Json;
using Locking.Conformance;

namespace Locking;

/// <summary>A client that is slow, hostile or broken harms nobody but itself.</summary>
public sealed class LimitTests
{
    private static async Task<List<LockInfo>> ListAsync(BrokerLockStore store, string prefix)
    {
        var infos = new List<LockInfo>();
        await foreach (LockInfo info in store.ListAsync(prefix, default))
            infos.Add(info);
        return infos;
    }

    [Fact]
    public async Task A_line_that_is_too_long_ends_its_connection_alone_and_its_locks_stand()
    {
        await using var broker = new TestBroker(options => options with { Limits = new BrokerLimits { LineLength = 4096 } });
        RawClient bad = await broker.RawAsync();
        RawClient good = await broker.RawAsync();
        await bad.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":60000}""");
        await bad.SendBytesAsync(Encoding.UTF8.GetBytes(new string('x', 20_000)));
        Assert.Null(await bad.ReadLineAsync());
        Assert.False((await good.AskAsync("""{"type":"lock","uuid":"U2","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_cut_and_the_others_are_served_meanwhile()
    {
        await using var broker = new TestBroker(options => options with { Limits = new BrokerLimits { UnreadOutput = 64 * 1024 } });
        RawClient deaf = await broker.RawAsync();
        RawClient good = await broker.RawAsync();
        string key = new string('k', 2000);
        byte[] lines = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 50).Select(i =>
            $$"""{"type":"lock-info-request","uuid":"U{{i}}","key":"{{key}}"}""" + "\n")));
        var sending = Task.Run(async () =>
        {
            try
            {
                for (int i = 0; i < 200; i++)
                    await deaf.SendBytesAsync(lines);
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It was cut while it still sent.
            }
        });
        for (int i = 0; i < 200; i++)
            await good.ExpectNothingAsync();

        deaf.Close();
        await sending.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task Full_queues_and_full_connections_are_refused_by_name()
    {
        await using var broker =
            new TestBroker(options => options with { Limits = new BrokerLimits { WaitersPerKey = 2, ClaimsPerConnection = 4 } });
        BrokerLockStore holder = broker.Store();
        await holder.TryAcquireAsync(new AcquireRequest("k", "H", "test", TimeSpan.FromSeconds(30)), default);
        RawClient client = await broker.RawAsync();
        await client.AskAsync("""{"type":"lock","uuid":"U1","key":"k"}""");
        await client.AskAsync("""{"type":"lock","uuid":"U2","key":"k"}""");
        JsonElement full = await client.AskAsync("""{"type":"lock","uuid":"U3","key":"k"}""");
        Assert.Contains("full", full.GetProperty("error").GetString());
        Assert.Equal("U3", full.GetProperty("uuid").GetString());
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() =>
            holder.AcquireAsync(new AcquireRequest("k", "W", "test", TimeSpan.FromSeconds(30)), TimeSpan.FromSeconds(1), default).AsTask());
        Assert.Contains("full", refused.Message);
        await client.AskAsync("""{"type":"lock","uuid":"U4","key":"a"}""");
        await client.AskAsync("""{"type":"lock","uuid":"U5","key":"b"}""");
        Assert.Contains("as many", (await client.AskAsync("""{"type":"lock","uuid":"U6","key":"c"}""")).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_connection_too_many_is_closed_at_once()
    {
        await using var broker = new TestBroker(options => options with { Limits = new BrokerLimits { Connections = 2 } });
        RawClient first = await broker.RawAsync();
        RawClient second = await broker.RawAsync();
        await first.ExpectNothingAsync();
        await second.ExpectNothingAsync();
        RawClient third = await broker.RawAsync();
        Assert.Null(await third.ReadLineAsync());
        await first.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_list_waits_for_who_reads_slowly_and_holds_up_nobody()
    {
        await using var broker = new TestBroker(options => options with { Limits = new BrokerLimits { UnreadOutput = 256 * 1024 } });
        RawClient lister = await broker.RawAsync();
        BrokerLockStore store = broker.Store();
        string padding = new string('p', 900);
        await Task.WhenAll(Enumerable.Range(0, 6000).Select(i =>
            store.TryAcquireAsync(new AcquireRequest($"{padding}{i}", $"id{i}", "test", TimeSpan.FromMinutes(1)), default).AsTask()));

        // Six megabytes, which it does not read until the others were served.
        await lister.SendAsync("""{"type":"lk-list","n":1,"prefix":"p"}""");
        await lister.SendAsync("""{"type":"lk-ping","n":2}""");
        Assert.Single(await ListAsync(store, padding + "5999"));
        int items = 0;
        int pings = 0;
        string? line = await lister.ReadLineAsync();
        for (; line is not null and not """{"type":"lk-done","n":1}"""; line = await lister.ReadLineAsync())
        {
            items += line.StartsWith("{\"type\":\"lk-item\",\"n\":1,", StringComparison.Ordinal) ? 1 : 0;
            pings += line == """{"type":"lk-done","n":2}""" ? 1 : 0;
        }

        Assert.Equal(6000, items);
        Assert.NotNull(line);
        if (pings == 0)
            Assert.Equal("""{"type":"lk-done","n":2}""", await lister.ReadLineAsync());
    }

    [Fact]
    public async Task A_hundred_thousand_locks_are_listed_each_once_while_others_are_served()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store();
        RawClient lister = await broker.RawAsync();
        foreach (int[] numbers in Enumerable.Range(0, 100_000).Chunk(1_000))
        {
            await Task.WhenAll(numbers.Select(i =>
                store.TryAcquireAsync(new AcquireRequest($"many/{i}", $"id{i}", "test", TimeSpan.FromHours(1)), default).AsTask()));
        }

        // The list has begun, and is far longer than what fits on the way to who does not read: the others are served in the middle of it.
        await lister.SendAsync("""{"type":"lk-list","n":1,"prefix":"many/"}""");
        var keys = new List<string> { KeyOf(await lister.ReadLineAsync()) };
        for (int i = 0; i < 100; i++)
            await store.TryAcquireAsync(new AcquireRequest("other", "O", "test", TimeSpan.FromMinutes(5)), default);
        while (await lister.ReadLineAsync() is { } line and not """{"type":"lk-done","n":1}""")
            keys.Add(KeyOf(line));
        Assert.Equal(100_000, keys.Count);
        Assert.Equal(100_000, keys.Distinct().Count());

        static string KeyOf(string? item) => JsonElement.Parse(item!).GetProperty("key").GetString()!;
    }

    [Fact]
    public async Task A_key_too_many_is_refused()
    {
        await using var broker = new TestBroker(options => options with { Limits = new BrokerLimits { Keys = 2 } });
        BrokerLockStore store = broker.Store();
        await store.TryAcquireAsync(new AcquireRequest("a", "A", "test", TimeSpan.FromSeconds(30)), default);
        await store.TryAcquireAsync(new AcquireRequest("b", "B", "test", TimeSpan.FromSeconds(30)), default);
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() =>
            store.TryAcquireAsync(new AcquireRequest("c", "C", "test", TimeSpan.FromSeconds(30)), default).AsTask());
        Assert.Contains("as many keys", refused.Message);
        Assert.True((await store.TryAcquireAsync(new AcquireRequest("a", "A", "test", TimeSpan.FromSeconds(30)), default)).IsGranted);
    }
}
