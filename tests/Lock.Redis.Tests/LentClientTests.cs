using Locking.Conformance;
using Locking.Testing;
using StackExchange.Redis;

namespace Locking;

/// <summary>A client that the application lends: what it says and does not say, what it was made of, and its end.</summary>
public sealed class LentClientTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    /// <summary>As a text it reads like two settings.</summary>
    private const string Secret = "a,b=x:0,ssl=true";

    private static readonly LockOptions s_notices = new() { Ttl = TimeSpan.FromMinutes(10), PollInterval = TimeSpan.FromMinutes(10) };

    [Fact]
    public async Task A_password_with_a_comma_is_never_read_from_a_text_and_never_shows()
    {
        await using RedisServer server = await RedisServer.StartAsync("--requirepass", Secret);
        var options = ConfigurationOptions.Parse(server.EndPoint);
        options.Password = Secret;
        await using ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(options);
        await using var locks = new StoreLock(new RedisLockStore(lent));
        await using ILockHandle held = await locks.LockAsync("k");
        IReadOnlyList<StoreFinding> findings = await locks.DiagnoseAsync();
        Assert.Contains(findings, static one => one.Code == "server");
        Assert.All(findings, static one => Assert.DoesNotContain("b=x", one.Text, StringComparison.Ordinal));

        // Replicas take another connection, and nobody knows how this one was made.
        var replicas = new RedisLockSettings { Replicas = 1 };
        LockConfigException refusal = Assert.Throws<LockConfigException>(
            () => new RedisLockProvider(lent).CreateStore(replicas));
        Assert.Equal("lockOptions.replicas", refusal.Path);
        Assert.Contains("ConfigurationOptions", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new RedisLockStore(lent, replicas));
    }

    [Fact]
    public async Task A_client_that_is_lent_and_options_that_are_given_stay_as_they_are()
    {
        var options = ConfigurationOptions.Parse($"{Server.EndPoint},abortConnect=false,syncTimeout=1234");
        (string text, BacklogPolicy backlog) = (options.ToString(includePassword: true), options.BacklogPolicy);
        await using ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(options);
        foreach (RedisLockProvider provider in (RedisLockProvider[])[new(lent), new(options)])
        {
            await using var locks = new StoreLock(provider.CreateStore(new RedisLockSettings(), null, LockProviderContext.Default));
            await (await locks.LockAsync(NewKey())).UnlockAsync();
        }

        Assert.Equal(text, options.ToString(includePassword: true));
        Assert.Same(backlog, options.BacklogPolicy);
        Assert.Equal(1234, lent.TimeoutMilliseconds);
        Assert.True(lent.IsConnected);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replicas_work_with_the_options_that_the_client_was_made_of(bool replicas)
    {
        await using RedisServer master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0", "--requirepass", Secret);
        await using RedisServer replica = await RedisServer.StartAsync(
            "--replicaof", "127.0.0.1", $"{master.Port}", "--masterauth", Secret, "--repl-diskless-sync-delay", "0");
        var options = ConfigurationOptions.Parse(master.EndPoint);
        options.Password = Secret;
        RedisLockSettings settings =
            replicas ? new RedisLockSettings { Replicas = 1, ReplicaTimeout = TimeSpan.FromSeconds(30) } : new RedisLockSettings();
        await using ILockStore store = new RedisLockProvider(options).CreateStore(settings);
        await Eventually.TrueAsync(async () =>
        {
            string id = NewId();
            await TakeAsync(store, "k", id);
            await ReleaseAsync(store, "k", id);
            return true;
        }, "a grant");
    }

    [Fact]
    public async Task A_waiter_learns_that_the_client_was_disposed_although_nobody_releases()
    {
        ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        await using var holding = new StoreLock(NewStore());
        await using var waiting = new StoreLock(new RedisLockStore(lent));
        string key = NewKey();
        await using ILockHandle held = await holding.LockAsync(key, s_notices);
        Task<ILockHandle> next = waiting.LockAsync(key, s_notices).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "in line");
        await lent.DisposeAsync();
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(next, "the fault"));
        Assert.Contains("disposed", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.IsTransient);
    }

    [Theory]
    [InlineData("lent", "resp2")]
    [InlineData("lent", "resp3")]
    [InlineData("url", "resp3")]
    public async Task A_channel_prefix_goes_before_what_scripts_publish_too(string how, string protocol)
    {
        string text = $"{Server.EndPoint},channelPrefix=app:,protocol={protocol}";
        async Task<StoreLock> NewLocksAsync()
        {
            if (how == "url")
                return Track(new StoreLock(new RedisLockProvider()
                    .CreateStore(new RedisLockSettings { Url = text }, null, LockProviderContext.Default)));
            ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(text);
            Track(new Disposal(lent));
            return Track(new StoreLock(new RedisLockStore(lent)));
        }

        StoreLock holding = await NewLocksAsync();
        StoreLock waiting = await NewLocksAsync();
        string key = NewKey();
        ILockHandle held = await holding.LockAsync(key, s_notices);
        Task<ILockHandle> next = waiting.LockAsync(key, s_notices).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "in line");
        await held.UnlockAsync();
        await using ILockHandle taken = await Eventually.DoneAsync(next, "the next holder");
        Assert.True(await holding.ForceUnlockAsync(key));
        await Eventually.TrueAsync(() => taken.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Forced, taken.LostReason);
    }

    private sealed class Disposal(IConnectionMultiplexer client) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => client.DisposeAsync();
    }
}
