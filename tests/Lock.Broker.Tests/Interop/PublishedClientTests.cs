using System.Text.Json;
using Locking.Conformance;

namespace Locking;

/// <summary>npm's live-mutex client against our broker.</summary>
public sealed class PublishedClientTests : IAsyncLifetime
{
    private readonly TestBroker _broker = new(options => options with { Limits = new BrokerLimits { LineLength = 8192 } });
    private readonly NodeDriver _node = NodeDriver.Start();

    public async Task InitializeAsync()
    {
        await _node.MustAsync("open", new { client = "a", options = new { port = Port, host = "127.0.0.1" } });
        await _node.MustAsync("open", new { client = "b", options = new { udsPath = _broker.Path } });
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _broker.DisposeAsync();
    }

    [Fact]
    public async Task Lock_and_unlock()
    {
        Assert.True((await _node.MustAsync("acquire", new { client = "a", key = "k" })).GetProperty("acquired").GetBoolean());
        Assert.Null(await _broker.Lock().TryLockAsync("k"));
        Assert.True((await _node.MustAsync("release", new { client = "a", key = "k" })).GetProperty("unlocked").GetBoolean());
        await using ILockHandle? handle = await _broker.Lock().TryLockAsync("k");
        Assert.NotNull(handle);
    }

    [Fact]
    public async Task Contention_between_both_transports_is_first_in_first_out()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k", @as = "1" });
        Task<JsonElement> second = _node.MustAsync("acquire", new { client = "b", key = "k", @as = "2" });
        await WaitersAsync(1);
        Task<JsonElement> third = _node.MustAsync("acquire", new { client = "a", key = "k", @as = "3" });
        await WaitersAsync(2);
        await _node.MustAsync("release", new { client = "a", key = "k", @as = "1" });
        await second;
        Assert.False(third.IsCompleted);
        await _node.MustAsync("release", new { client = "b", key = "k", @as = "2" });
        await third;
    }

    [Fact]
    public async Task A_request_that_times_out_is_repeated_and_keeps_its_place()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k", @as = "1" });
        Task<JsonElement> second = _node.MustAsync("acquire",
            new { client = "b", key = "k", @as = "2", options = new { lockRequestTimeout = 1500, maxRetries = 20 } });
        await WaitersAsync(1);

        // Each repetition gives the claim to its connection once more.
        BrokerClaim waiting =
            Assert.Single(_broker.Server.Locks.Table.Everything().OfType<BrokerClaim>(), static claim => claim.State == ClaimState.Waiting);
        long first = waiting.AttachedAt;
        await Eventually.TrueAsync(() => waiting.AttachedAt != first, "the request is repeated");
        Assert.Equal(1, _broker.Server.Locks.Table.Report("k").Waiters);
        await _node.MustAsync("release", new { client = "a", key = "k", @as = "1" });
        await second;
    }

    [Fact]
    public async Task A_request_that_is_given_up_leaves_the_queue()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k", @as = "1" });
        JsonElement answer =
            await _node.DoAsync("acquire", new { client = "b", key = "k", options = new { lockRequestTimeout = 50, maxRetries = 2 } });
        Assert.True(answer.TryGetProperty("problem", out _));
        await WaitersAsync(0);
    }

    [Fact]
    public async Task A_ttl_runs_out_and_the_late_unlock_hears_no_error_and_grants_nobody_beside_the_holder()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k", @as = "1", options = new { ttl = 100 } });
        await _node.MustAsync("acquire", new { client = "b", key = "k", @as = "2" });
        Task<ILockHandle> waiting = _broker.Lock().LockAsync("k").AsTask();
        await WaitersAsync(1);
        Assert.True((await _node.MustAsync("release", new { client = "a", key = "k", @as = "1" })).GetProperty("unlocked").GetBoolean());
        Assert.False(waiting.IsCompleted);
        await _node.MustAsync("release", new { client = "b", key = "k", @as = "2" });
        await (await waiting.WaitAsync(Eventually.Patience)).DisposeAsync();
    }

    [Fact]
    public async Task A_wrong_id_is_an_error_and_changes_nothing_and_force_takes_the_lock_away()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k" });
        JsonElement wrong = await _node.DoAsync("release", new { client = "b", key = "k", options = new { id = "wrong" } });
        Assert.Contains("correct uuid", wrong.GetProperty("problem").GetString());
        Assert.NotNull(await _broker.Lock().GetAsync("k"));
        await _node.MustAsync("release", new { client = "b", key = "k", options = new { force = true } });
        Assert.Null(await _broker.Lock().GetAsync("k"));
    }

    [Fact]
    public async Task A_semaphore_lets_as_many_in_as_it_says()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "s", @as = "1", options = new { max = 2 } });
        await _node.MustAsync("acquire", new { client = "b", key = "s", @as = "2", options = new { max = 2 } });
        Task<JsonElement> third = _node.MustAsync("acquire", new { client = "b", key = "s", @as = "3", options = new { max = 2 } });
        await WaitersAsync(1, "s");
        Assert.False(third.IsCompleted);
        await _node.MustAsync("release", new { client = "a", key = "s", @as = "1" });
        await third;
    }

    [Fact]
    public async Task A_client_that_leaves_gives_up_what_it_holds_and_nothing_else()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "mine" });
        await _node.MustAsync("acquire", new { client = "b", key = "other" });
        await _node.MustAsync("close", new { client = "a" });
        await using ILockHandle handle = await _broker.Lock().LockAsync("mine", new LockOptions { WaitTimeout = TimeSpan.FromSeconds(5) });
        Assert.Null(await _broker.Lock().TryLockAsync("other"));
    }

    [Fact]
    public async Task Keys_of_any_alphabet_are_the_same_for_both_clients()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "schlüssel/鍵/🔑" });
        Assert.Null(await _broker.Lock().TryLockAsync("schlüssel/鍵/🔑"));
        await _node.MustAsync("release", new { client = "a", key = "schlüssel/鍵/🔑" });
        await using ILockHandle? handle = await _broker.Lock().TryLockAsync("schlüssel/鍵/🔑");
        Assert.NotNull(handle);
    }

    [Fact]
    public async Task Strange_lines_of_others_do_not_disturb_it()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k" });
        RawClient strange = await _broker.RawAsync(tcp: true);
        await strange.SendAsync("null");
        await strange.SendAsync("[1]");
        await strange.SendAsync("{not json");
        await strange.SendAsync("{\"type\":\"lock\",\"key\":\"" + new string('x', 10_000) + "\"}");
        await _node.MustAsync("release", new { client = "a", key = "k" });
    }

    [Fact]
    public async Task A_thousand_acquisitions_never_overlap_while_a_bystander_comes_and_goes()
    {
        string file = Path.Combine(Path.GetTempPath(), $"lock-churn-{Guid.NewGuid():N}");
        var options = new { port = Port, host = "127.0.0.1" };
        var workers = new List<Task<System.Text.Json.JsonElement>>();
        foreach (string? name in new[] { "c", "d", "e", "f" })
        {
            await _node.MustAsync("open", new { client = name, options });
            workers.Add(_node.MustAsync("cycles", new { client = name, key = "churn", times = 250, file }));
        }

        Task<JsonElement> churn = _node.MustAsync("churn", new { times = 24, every = 25, options });
        foreach (Task<JsonElement> worker in workers)
            Assert.Equal(0, (await worker).GetProperty("overlaps").GetInt32());
        await churn;
    }

    private int Port => _broker.Server.Port;

    private async Task WaitersAsync(int count, string key = "k")
    {
        for (int i = 0; _broker.Server.Locks.Table.Report(key).Waiters != count; i++)
        {
            Assert.True(i < 2000, $"{_broker.Server.Locks.Table.Report(key).Waiters} wait, not {count}");
            await Task.Delay(5);
        }
    }
}
