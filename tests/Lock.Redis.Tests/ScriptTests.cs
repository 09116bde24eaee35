using Locking.Testing;

namespace Locking;

/// <summary>What goes over the wire.</summary>
public sealed class ScriptTests : IAsyncLifetime
{
    private Testing.RedisServer _server = null!;
    private ILockStore _store = null!;

    public async Task InitializeAsync()
    {
        _server = await Testing.RedisServer.StartAsync();
        _store = RedisFixture.StoreAt(_server.Port);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("acquire")]
    [InlineData("busy acquire")]
    [InlineData("extend")]
    [InlineData("release")]
    [InlineData("get")]
    [InlineData("force")]
    public async Task Each_step_is_one_round_trip(string step)
    {
        const int Times = 50;
        // The first of each kind teaches the server the scripts.
        await CycleAsync("warm");
        await ((IForceReleaseStore)_store).ForceReleaseAsync("warm", CancellationToken.None);
        for (int i = 0; i < Times; i++)
        {
            if (step is not "acquire")
                await Acquire(i, "holder");
        }

        await _server.CommandAsync("CONFIG", "RESETSTAT");
        for (int i = 0; i < Times; i++)
            await RunAsync(i);
        var counts = ((string)(await _server.CommandAsync("INFO", "commandstats"))!).Split("\r\n")
            .Where(line => line.StartsWith("cmdstat_", StringComparison.Ordinal))
            .ToDictionary(line => line.Split(':')[0]["cmdstat_".Length..], line => int.Parse(line.Split("calls=")[1].Split(',')[0]));
        Assert.Equal(Times, counts["evalsha"]);
        Assert.Equal(0, counts.GetValueOrDefault("eval"));
        // What scripts call is counted too; what comes from clients besides is the client's own keep-alive at most.
        Assert.Equal(0, counts.GetValueOrDefault("script|load"));
        Assert.Equal(0, counts.GetValueOrDefault("watch") + counts.GetValueOrDefault("multi") + counts.GetValueOrDefault("exec"));

        async Task RunAsync(int i) => _ = step switch
        {
            "acquire" => (object)await Acquire(i, "holder"),
            "busy acquire" => await Acquire(i, "another"),
            "extend" => await _store.TryExtendAsync($"key/{i}", "holder", TimeSpan.FromMinutes(1), CancellationToken.None),
            "release" => await _store.TryReleaseAsync($"key/{i}", "holder", CancellationToken.None),
            "get" => (await _store.GetAsync($"key/{i}", CancellationToken.None))!,
            _ => await ((IForceReleaseStore)_store).ForceReleaseAsync($"key/{i}", CancellationToken.None),
        };
    }

    [Fact]
    public async Task Scripts_that_are_flushed_under_load_are_no_fault()
    {
        using var stop = new CancellationTokenSource();
        Task<int> flusher = Task.Run(async () =>
        {
            await using RawRedis raw = await _server.RawAsync();
            int flushes = 0;
            while (!stop.IsCancellationRequested)
            {
                await raw.CommandAsync("SCRIPT", "FLUSH");
                flushes++;
                await Task.Delay(1);
            }

            return flushes;
        });
        await Parallel.ForEachAsync(Enumerable.Range(0, 16), async (worker, _) =>
        {
            for (int i = 0; i < 50; i++)
                await CycleAsync($"flush/{worker}");
        });
        await stop.CancelAsync();
        Assert.True(await flusher > 10);
    }

    private async Task CycleAsync(string key)
    {
        string id = Guid.NewGuid().ToString();
        Assert.True((await _store.TryAcquireAsync(new AcquireRequest(key, id, "tester", TimeSpan.FromMinutes(1)), CancellationToken.None))
            .IsGranted);
        Assert.Equal(StoreReply.Done, await _store.TryExtendAsync(key, id, TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.NotNull(await _store.GetAsync(key, CancellationToken.None));
        Assert.Equal(StoreReply.Done, await _store.TryReleaseAsync(key, id, CancellationToken.None));
    }

    private ValueTask<AcquireReply> Acquire(int i, string id) =>
        _store.TryAcquireAsync(new AcquireRequest($"key/{i}", id, "tester", TimeSpan.FromMinutes(1)), CancellationToken.None);
}
