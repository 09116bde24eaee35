namespace Locking.Tests.Configuration;

/// <summary>Each known system in one word: what a provider of its backend is given.</summary>
public sealed class PresetTests
{
    [Fact]
    public async Task Kuzzle_is_5_s_never_renewed_waiting_for_ever_every_200_ms()
    {
        LockConfig config = await CapturingProvider.ResolveAsync("""{"type":"redis","preset":"kuzzle"}""");

        Assert.Equal(
            new LockOptions { Ttl = Ms(5000), AutoRenew = false, WaitTimeout = Timeout.InfiniteTimeSpan, RetryDelay = Ms(200),
                RetryJitter = TimeSpan.Zero },
            config.LockOptions);
        Assert.Equal(new LockSettings(), config.Connection);
    }

    [Theory]
    [InlineData("redis", 200, 100)]
    [InlineData("inMemory", 100, 0)]
    public async Task Leverege_is_one_attempt_with_the_delays_of_its_two_backends(string type, int delay, int jitter)
    {
        LockConfig config = await CapturingProvider.ResolveAsync($$$"""{"type":"{{{type}}}","preset":"Leverege"}""");

        Assert.Equal(
            new LockOptions
            {
                AutoRenew = false, RetryCount = 0, RetryDelay = Ms(delay), RetryJitter = Ms(jitter),
                DriftFactor = type == "redis" ? 0.01 : null,
            },
            config.LockOptions);
        Assert.Equal(type == "inMemory" ? (object)true : null, config.Connection!["isolated"]);
    }

    [Fact]
    public async Task Live_mutex_is_the_broker_and_three_requests_of_3_s()
    {
        LockConfig config = await CapturingProvider.ResolveAsync("""{"preset":"live-mutex"}""");

        Assert.Equal("broker", config.Type);
        Assert.Equal(new LockSettings { ["port"] = 6970, ["noDelay"] = true }, config.Connection);
        Assert.Equal(
            new LockOptions { Ttl = Ms(4000), AutoRenew = false, WaitTimeout = Ms(9000), RetryDelay = Ms(3000), RetryJitter = TimeSpan.Zero,
                KeepOnDisconnect = false },
            config.LockOptions);
    }

    [Theory]
    [InlineData("""{"lockRequestTimeout":2000,"maxRetries":5}""", 10000, 2000)]
    [InlineData("""{"lockRequestTimeout":"2s"}""", 6000, 2000)]
    [InlineData("""{"maxRetries":5}""", 15000, 3000)]
    [InlineData("""{"lockRetryMax":5}""", 15000, 3000)]
    [InlineData("""{"lockRetryMax":5,"keepLocksAfterDeath":false,"unlockRequestTimeout":3000}""", 15000, 3000)]
    [InlineData("""{"maxRetries":0}""", 0, 3000)]
    [InlineData("""{"maxRetries":-1}""", -1, 3000)]
    [InlineData("""{"maxRetries":5,"waitTimeout":15000}""", 15000, 3000)]
    [InlineData("""{"waitTimeout":700}""", 700, 3000)]
    public async Task Live_mutex_waits_for_so_many_requests_of_so_much_time(string options, int wait, int delay)
    {
        LockConfig config = await CapturingProvider.ResolveAsync($$$"""{"preset":"live-mutex","lockOptions":{{{options}}}}""");

        Assert.Equal(Ms(wait), config.LockOptions!.WaitTimeout);
        Assert.Equal(Ms(delay), config.LockOptions.RetryDelay);
        Assert.Null(config.LockOptions.RetryCount);
    }

    [Fact]
    public void Live_mutex_requests_and_another_wait_contradict_each_other()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(
            () => LockConfig.Parse("""{"preset":"live-mutex","lockOptions":{"maxRetries":5,"waitTimeout":1000}}"""));

        Assert.Contains("differently", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Simple_redis_mutex_never_expires_and_tries_every_100_ms_in_its_own_format()
    {
        LockConfig config = await CapturingProvider.ResolveAsync("""{"preset":"simple-redis-mutex"}""");

        Assert.Equal("redis", config.Type);
        Assert.Equal(
            new LockOptions
            {
                Ttl = Timeout.InfiniteTimeSpan,
                AutoRenew = false,
                WaitTimeout = Timeout.InfiniteTimeSpan,
                RetryDelay = Ms(100),
                RetryJitter = TimeSpan.Zero,
            },
            config.LockOptions);
        Assert.Equal(new LockSettings { ["format"] = "simple-redis-mutex" }, config.StoreOptions);
    }

    [Fact]
    public async Task Dist_lock_is_30_s_never_renewed_trying_without_end_in_its_own_format()
    {
        LockConfig config = await CapturingProvider.ResolveAsync("""{"preset":"dist-lock"}""");

        Assert.Equal("redis", config.Type);
        Assert.Equal(
            new LockOptions
            {
                Ttl = Ms(30000),
                AutoRenew = false,
                RetryCount = -1,
                RetryDelay = Ms(50),
                RetryJitter = TimeSpan.Zero,
            },
            config.LockOptions);
        Assert.Equal(new LockSettings { ["format"] = "dist-lock", ["keyPrefix"] = "lock:" }, config.StoreOptions);
    }

    [Theory]
    [InlineData("kuzzle")]
    [InlineData("leverege")]
    [InlineData("live-mutex")]
    [InlineData("simple-redis-mutex")]
    [InlineData("dist-lock")]
    public async Task A_preset_moves_to_every_backend_without_what_that_does_not_have(string preset)
    {
        foreach (string type in (string[])["inMemory", "broker", "redis", "mongo", "somebodyElses"])
        {
            LockConfig config = await CapturingProvider.ResolveAsync($$$"""{"type":"{{{type}}}","preset":"{{{preset}}}"}""");

            Assert.Equal(type, config.Type);
            Assert.False(config.LockOptions!.AutoRenew); // none of those systems renews
            if (type is "inMemory" or "broker" or "mongo")
                Assert.Null(config.StoreOptions?["format"]);
        }
    }

    [Fact]
    public async Task What_is_set_beside_a_preset_wins()
    {
        LockConfig config = await CapturingProvider.ResolveAsync(
            """{"type":"redis","preset":"dist-lock","lockOptions":{"ttl":1000,"autoRenew":true,"keyPrefix":"mine:","format":"native"}}""");

        Assert.Equal(Ms(1000), config.LockOptions!.Ttl);
        Assert.True(config.LockOptions.AutoRenew);
        Assert.Equal("mine:", config.StoreOptions!["keyPrefix"]);
        Assert.Equal("native", config.StoreOptions!["format"]);
        Assert.Equal(Ms(50), config.LockOptions.RetryDelay);
    }

    [Theory]
    [InlineData("leverege", """{"waitTimeout":5000}""", 5000, null)]
    [InlineData("leverege", """{"retryCount":null}""", null, -1)]
    [InlineData("live-mutex", """{"retryCount":10}""", null, 10)]
    [InlineData("kuzzle", """{"retryCount":3}""", null, 3)]
    public async Task A_wait_beside_a_preset_replaces_its_wait_as_a_whole(string preset, string options, int? wait, int? count)
    {
        LockConfig config = await CapturingProvider.ResolveAsync($$$"""{"type":"redis","preset":"{{{preset}}}","lockOptions":{{{options}}}}""");

        Assert.Equal(wait is { } ms ? Ms(ms) : null, config.LockOptions!.WaitTimeout);
        Assert.Equal(count, config.LockOptions.RetryCount);
    }

    [Fact]
    public void Auto_beside_a_preset_that_never_renews_is_an_error()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(
            () => LockConfig.Parse("""{"preset":"kuzzle","lockOptions":{"autoRenew":"auto"}}"""));

        Assert.Equal("lockOptions.autoRenew", problem.Path);
        Assert.Contains("true or false", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_socket_path_beside_the_live_mutex_preset_takes_no_port()
    {
        LockConfig config = LockConfig.Parse("""{"preset":"live-mutex","connection":{"udsPath":"/tmp/s"}}""").ApplyPreset();

        Assert.Equal(new LockSettings { ["path"] = "/tmp/s", ["noDelay"] = true }, config.Connection);
    }

    [Fact]
    public void Applying_a_preset_twice_changes_nothing_more()
    {
        LockConfig once = new LockConfig { Preset = "Dist-Lock" }.ApplyPreset();

        Assert.Equal("dist-lock", once.Preset);
        Assert.Equal(once, once.ApplyPreset());
        Assert.Equal(new LockConfig { Type = "redis" }, new LockConfig { Type = "REDIS" }.ApplyPreset());
    }

    [Fact]
    public void An_unknown_preset_in_code_gets_a_suggestion()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => Lock.Create(new LockConfig { Preset = "distlock" }));

        Assert.Equal("preset", problem.Path);
        Assert.Contains("Did you mean dist-lock?", problem.Message, StringComparison.Ordinal);
    }

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
