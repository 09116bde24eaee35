using Locking.Conformance;
using Locking.Testing;
using StackExchange.Redis;

namespace Locking;

/// <summary>A connection of our own that stays silent although a new one is answered.</summary>
public sealed class ReplacedConnectionTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private static readonly LockOptions s_notices = new() { Ttl = TimeSpan.FromMinutes(10), PollInterval = TimeSpan.FromMinutes(10) };

    [Fact]
    public async Task A_process_is_not_shut_out_of_a_server_that_is_well_and_its_waiters_go_on()
    {
        await using var bad = new RedisProxy(Server.Port);
        await using var good = new RedisProxy(Server.Port);
        var connector = new Ways(bad.Port, good.Port);
        await using var locks = new StoreLock(new RedisLockStore(new RedisConnection(connector, TimeProvider.System),
            new RedisLockSettings(), new LockOptions()));
        await using var others = new StoreLock(NewStore());
        (string key, string next) = (NewKey(), NewKey());
        await using ILockHandle held = await locks.LockAsync(next, s_notices);
        ILockHandle away = await others.LockAsync(key, s_notices);
        Task<ILockHandle> waiting = locks.LockAsync(key, s_notices).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "in line");

        // The way of the first connection goes silent for good, also for what the client tries again by itself; a new client is given
        // another way.
        bad.Cut();
        await away.UnlockAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return await locks.TryExtendAsync(next, held.Id, TimeSpan.FromMinutes(10));
                }
                catch (LockStoreException fault)
                {
                    Assert.True(fault.IsTransient, fault.ToString());
                    return false;
                }
            }, "an answer", TimeSpan.FromSeconds(60));
        await using ILockHandle taken = await Eventually.DoneAsync(waiting, "the lock that was waited for", TimeSpan.FromSeconds(60));
        Assert.Equal(2, connector.Made);

        // Everything that listened listens again.
        Assert.True(await others.ForceUnlockAsync(key));
        await Eventually.TrueAsync(() => taken.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Forced, taken.LostReason);
        Assert.False(held.LostToken.IsCancellationRequested);
    }

    [Fact]
    public async Task A_subscription_that_hears_nothing_although_requests_are_answered_moves_to_a_new_connection()
    {
        // Whatever is published goes by another name on its way.
        await using var bad = new RedisProxy(Server.Port)
        {
            Rewrite = static said =>
                said.Replace("message\r\n$13\r\nlock:released", "message\r\n$13\r\nlock:whatever", StringComparison.Ordinal),
        };
        await using var good = new RedisProxy(Server.Port);
        var connector = new Ways(bad.Port, good.Port);
        var connection = new RedisConnection(connector, TimeProvider.System);
        await using var locks = new StoreLock(new RedisLockStore(connection, new RedisLockSettings(), new LockOptions()));
        await using var others = new StoreLock(NewStore());
        await using (await locks.LockAsync(NewKey()))
        {
            // Its requests are answered over the first connection.
            Assert.Equal(1, connector.Made);
        }

        IConnectionMultiplexer? before = connection.Connected;
        string key = NewKey();
        ILockHandle away = await others.LockAsync(key, s_notices);
        Task<ILockHandle> waiting = locks.LockAsync(key, s_notices).AsTask();
        await Eventually.TrueAsync(() => !ReferenceEquals(connection.Connected, before), "another connection", TimeSpan.FromSeconds(60));
        Assert.Equal(2, connector.Made);
        // The first way is not needed any more, for requests or for notices.
        bad.Cut();
        await away.UnlockAsync();
        await using ILockHandle taken = await Eventually.DoneAsync(waiting, "the lock that was waited for", TimeSpan.FromSeconds(60));
        Assert.True(await others.ForceUnlockAsync(key));
        await Eventually.TrueAsync(() => taken.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(2, connector.Made);
    }

    [Fact]
    public async Task A_server_that_is_silent_to_everybody_is_not_the_connections_fault()
    {
        await using var way = new RedisProxy(Server.Port);
        var connector = new Ways(way.Port, way.Port);
        var connection = new RedisConnection(connector, TimeProvider.System);
        await using var store = new RedisLockStore(connection, new RedisLockSettings(), new LockOptions());
        await TakeAsync(store, NewKey(), NewId());
        IConnectionMultiplexer? before = connection.Connected;
        way.Cut();
        await Eventually.TrueAsync(
            async () =>
            {
                await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, "k", NewId()));
                return connector.Made >= 2;
            }, "another connection tried", TimeSpan.FromSeconds(60));
        Assert.Same(before, connection.Connected);
        way.Mend();
        await Eventually.TrueAsync(async () =>
            await Record.ExceptionAsync(() => AskAsync(store, NewKey(), NewId())) is null, "answers again", TimeSpan.FromSeconds(60));
    }

    /// <summary>Makes the first client over one way, and each later one over another.</summary>
    private sealed class Ways(int first, int later) : IRedisConnector
    {
        private int _made;

        public int Made => Volatile.Read(ref _made);

        public int Database => -1;

        public TimeSpan CommandTimeout => TimeSpan.FromMilliseconds(500);

        public TimeSpan ConnectTimeout => TimeSpan.FromSeconds(3);

        public string Server => "Redis over two ways";

        public string Hint => "";

        public string ChannelPrefix => "";

        public Task<IConnectionMultiplexer> ConnectAsync(TimeProvider time) => RedisConnector.From(new RedisLockSettings
        {
            Host = "127.0.0.1", Port = Interlocked.Increment(ref _made) == 1 ? first : later, CommandTimeout =
                CommandTimeout, ConnectTimeout = ConnectTimeout,
        }).ConnectAsync(time);
    }
}
