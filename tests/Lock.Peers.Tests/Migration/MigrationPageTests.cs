using System.Net;
using System.Text.Json.Nodes;
using Locking.Tests.Documentation;
using RedLockNet.SERedis.Configuration;
using StackExchange.Redis;

namespace Locking.Peers.Tests.Migration;

/// <summary>The pages for who comes from one of the peers: their code is compiled and run, of both libraries,
/// and each keeps the other out.</summary>
public sealed class MigrationPageTests
{
    private const string Key = "orders/42";
    private static readonly TimeSpan s_expiry = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_wait = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData("migration-redlock-net.md", "RedLockNetSnippets.cs")]
    [InlineData("migration-distributedlock.md", "MedallionSnippets.cs")]
    public void The_code_of_the_page_is_the_code_that_is_run_word_for_word(string page, string file)
    {
        IReadOnlyList<string> blocks = Page.Blocks(Page.Read("docs", page), "csharp");
        Assert.Equal([Snippet(file, "before"), Snippet(file, "now")], blocks);
    }

    [Fact]
    public async Task The_code_of_RedLock_net_and_ours_keep_each_other_out_on_a_quorum()
    {
        await using PeerServers redis = await PeerServers.StartAsync(3);
        LockConfig config = Json("migration-redlock-net.md", connection =>
        {
            connection["endpoints"] = new JsonArray([.. redis.Ports.Select(static port => new JsonObject { ["port"] = port })]);
            // As the page's servers have them, and these do not.
            connection.Remove("password");
            connection.Remove("tls");
        });
        IList<RedLockEndPoint> endPoints =
            [.. redis.Ports.Select(static port => new RedLockEndPoint { EndPoint = new IPEndPoint(IPAddress.Loopback, port) })];
        Task<bool> BeforeAsync(Func<Task> work) =>
            RedLockNetSnippets.BeforeAsync(endPoints, Key, s_expiry, s_wait, s_retry, work, CancellationToken.None);
        Task<bool> NowAsync(Func<Task> work) => RedLockNetSnippets.NowAsync(
            config, Key, s_expiry, s_wait, s_retry,
            (token, lost) =>
            {
                Assert.True(token > 0);
                Assert.False(lost.IsCancellationRequested);
                return work();
            },
            CancellationToken.None);

        await KeepEachOtherOutAsync(BeforeAsync, NowAsync);
    }

    [Fact]
    public async Task The_code_of_DistributedLock_and_ours_keep_each_other_out()
    {
        await using PeerServers redis = await PeerServers.StartAsync(1);
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Ports[0]}");
        // The code lends its connection.
        LockConfig config = Json("migration-distributedlock.md", static connection => connection.Clear());
        Task<bool> BeforeAsync(Func<Task> work) =>
            MedallionSnippets.BeforeAsync(connection, Key, s_expiry, s_wait, _ => work(), CancellationToken.None);
        Task<bool> NowAsync(Func<Task> work) => MedallionSnippets.NowAsync(
            connection, config, Key, s_expiry, s_wait,
            (lost, token) =>
            {
                Assert.True(token > 0);
                Assert.False(lost.IsCancellationRequested);
                return work();
            },
            CancellationToken.None);

        await KeepEachOtherOutAsync(BeforeAsync, NowAsync);
    }

    private static async Task KeepEachOtherOutAsync(Func<Func<Task>, Task<bool>> before, Func<Func<Task>, Task<bool>> now)
    {
        bool? other = null;
        Assert.True(await before(async () => other = await AnsweredAsync(() => now(static () => Task.CompletedTask))));
        Assert.False(other);
        Assert.True(await AnsweredAsync(() => now(async () => other = await before(static () => Task.CompletedTask))));
        Assert.False(other);
    }

    /// <summary>A busy machine may take longer to connect than the wait is: that is a fault that passes, and no answer.</summary>
    private static async Task<bool> AnsweredAsync(Func<Task<bool>> ask)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await ask();
            }
            catch (LockStoreException fault) when (fault.IsTransient && attempt < 100)
            {
                // Asked again.
            }
        }
    }

    /// <summary>The configuration of a page, with other servers.</summary>
    private static LockConfig Json(string page, Action<JsonObject> change)
    {
        JsonNode json = JsonNode.Parse(Assert.Single(Page.Blocks(Page.Read("docs", page), "json")))!;
        change(json["connection"]!.AsObject());
        return LockConfig.Parse(json.ToJsonString());
    }

    private static string Snippet(string file, string mark)
    {
        string[] lines = Page.Read("tests", "Lock.Peers.Tests", "Migration", file).Split('\n');
        int start = Array.FindIndex(lines, line => line.Trim() == $"// <{mark}>");
        int end = Array.FindIndex(lines, line => line.Trim() == $"// </{mark}>");
        Assert.True(start >= 0 && end > start, $"{file} has no marks for {mark}.");
        int indent = lines[start].Length - lines[start].TrimStart().Length;
        return string.Concat(lines[(start + 1)..end].Select(line => (line.Length > indent ? line[indent..] : line.Trim()) + "\n"));
    }
}
