using Locking.Conformance;
using StackExchange.Redis;

namespace Locking;

/// <summary>What may happen in the midst of connecting and subscribing: an interruption, the end.</summary>
public sealed class SubscriptionTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private const string Released = "lock:released";
    private const string Forced = "lock:forced";

    /// <summary>Nothing but a hang takes so long.</summary>
    private static readonly TimeSpan s_never = TimeSpan.FromMinutes(10);

    private static readonly string s_subscribe = nameof(ISubscriber.SubscribeAsync);

    [Fact]
    public async Task A_proof_that_was_found_before_an_interruption_is_worth_nothing_although_nobody_listened()
    {
        ReleaseChannel channel = NewChannel(out _, static (_, _) => { });
        await (await channel.WatchAsync("k", CancellationToken.None)).DisposeAsync();
        long probes = await ProbesAsync();
        // As long as there was none, it holds.
        await (await channel.WatchAsync("k", CancellationToken.None)).DisposeAsync();
        Assert.Equal(probes, await ProbesAsync());
        channel.OnInterrupted();
        await using IReleaseWatch watch = await channel.WatchAsync("k", CancellationToken.None);
        Assert.True(await ProbesAsync() > probes, "nothing was proved anew");
    }

    [Fact]
    public async Task A_proof_that_is_interrupted_while_it_is_sought_is_worth_nothing_although_nobody_listened()
    {
        var subscribing = new TaskCompletionSource();
        using var goOn = new ManualResetEventSlim();
        ReleaseChannel channel = NewChannel(out _, (method, arguments) =>
        {
            if (method != s_subscribe || !IsOf(arguments, Released))
                return;
            subscribing.TrySetResult();
            goOn.Wait();
        });
        long before = await ProbesAsync();
        using var leaves = new CancellationTokenSource();
        Task<IReleaseWatch> first = channel.WatchAsync("k", leaves.Token).AsTask();
        await Eventually.DoneAsync(subscribing.Task, "the subscription on its way");
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        // Nobody listens, and the proof is under way.
        channel.OnInterrupted();
        Task<IReleaseWatch> second = channel.WatchAsync("k", CancellationToken.None).AsTask();
        goOn.Set();
        await using IReleaseWatch watch = await Eventually.DoneAsync(second, "the second watch");
        // The first of them belongs to the proof that was interrupted.
        Assert.True(await ProbesAsync() - before >= 2, "nothing was proved anew");
    }

    [Fact]
    public async Task A_probe_that_nobody_hears_is_given_up_once_the_subscription_was_interrupted()
    {
        RedisConnection connection = Track(new RedisConnection(new Through(Server.Port, static client => client), TimeProvider.System));
        var probe = new SubscriptionProbe(connection, KeyLayout.Of(null, null));
        Assert.False(await Eventually.DoneAsync(probe.ProveAsync(static () => true, CancellationToken.None), "the end of the probe"));
    }

    [Theory]
    [InlineData(Released)]
    [InlineData(Forced)]
    public async Task A_store_that_ends_while_it_subscribes_leaves_no_handler_at_a_lent_client(string name)
    {
        await using ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        var subscribing = new TaskCompletionSource<Task>();
        RedisLockStore? store = null;
        store = new RedisLockStore(ToldClient.Over(
            lent,
            (method, arguments) =>
            {
                if (method == s_subscribe && IsOf(arguments, name))
                    Task.Run(async () => await store!.DisposeAsync()).Wait();
            },
            (method, arguments, result) =>
            {
                if (method == s_subscribe && IsOf(arguments, name))
                    subscribing.TrySetResult((Task)result!);
            }));
        store.LeaseLost += static _ => { };
        if (name == Released)
            await Assert.ThrowsAnyAsync<Exception>(() => store.WatchAsync("k", CancellationToken.None).AsTask());
        await Eventually.DoneAsync(subscribing.Task.Unwrap(), "the subscription");
        await Eventually.TrueAsync(
            async () => (long)((object?[])(await CommandAsync("PUBSUB", "NUMSUB", name))!)[1]! == 0, "nobody subscribed");
    }

    [Theory]
    [InlineData(null)]
    [InlineData(LockFormats.RedLockNet)]
    [InlineData(LockFormats.DistLock)]
    public async Task A_waiter_leaves_a_client_that_was_disposed_without_a_fault(string? format)
    {
        var settings = new RedisLockSettings { Format = format };
        ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        var store = new RedisLockStore(lent, settings);
        string key = NewKey();
        await TakeAsync(NewStore(settings), key, NewId());
        (IReleaseWatch first, IReleaseWatch _) =
            (await store.WatchAsync(key, CancellationToken.None), await store.WatchAsync(key, CancellationToken.None));
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        await lent.DisposeAsync();
        await first.DisposeAsync();
        await store.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => AskAsync(store, key, NewId()));
    }

    [Fact]
    public async Task A_client_is_listened_to_before_anybody_uses_it()
    {
        var told = new List<(string, bool)>();
        RedisConnection? connection = null;
        connection = Track(new RedisConnection(
            new Through(Server.Port, client => ToldClient.Over(client, (method, arguments) =>
            {
                lock (told)
                {
                    if (method == "add_ConnectionFailed" || (method == s_subscribe && IsOf(arguments, Forced)))
                        told.Add((method, connection!.Connected is not null));
                }
            })),
            TimeProvider.System));
        connection.Forced.Forced += static (_, _) => { };
        await connection.ConnectAsync(CancellationToken.None);
        lock (told)
            Assert.Equal([("add_ConnectionFailed", false), (s_subscribe, false)], told);
    }

    private static bool IsOf(object?[] arguments, string name) => arguments[0] is RedisChannel channel
        && channel == RedisChannel.Literal(name);

    private ReleaseChannel NewChannel(out RedisConnection connection, Action<string, object?[]> tell)
    {
        connection = Track(new RedisConnection(new Through(Server.Port, client => ToldClient.Over(client, tell)), TimeProvider.System));
        return connection.Attach(new ReleaseChannel(connection, KeyLayout.Of(null, null)));
    }

    /// <summary>How often anything was published.</summary>
    private async Task<long> ProbesAsync() => (await CommandCountsAsync()).GetValueOrDefault("publish");

    /// <summary>Makes a client, and puts something before it.</summary>
    private sealed class Through(int port, Func<IConnectionMultiplexer, IConnectionMultiplexer> put) : IRedisConnector
    {
        public int Database => -1;

        public TimeSpan CommandTimeout => s_never;

        public TimeSpan ConnectTimeout => s_never;

        public string Server => "Redis that is told";

        public string Hint => "";

        public string ChannelPrefix => "";

        public async Task<IConnectionMultiplexer> ConnectAsync(TimeProvider time) => put(
            await RedisConnector.From(RedisFixture.SettingsAt(port)).ConnectAsync(time));
    }
}
