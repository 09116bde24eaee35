using System.Diagnostics;
using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Turns with the real clients of other languages on one key: never both at once, and everybody gets its turns.</summary>
public sealed class InteropTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private const int Turns = 25;

    [Theory]
    [InlineData("redis-py", LockFormats.Native)]
    [InlineData("redlock", LockFormats.Native)]
    [InlineData("ioredis", LockFormats.Native)]
    [InlineData("simple-redis-mutex", LockFormats.SimpleRedisMutex)]
    [InlineData("dist-lock", LockFormats.DistLock)]
    public async Task Takes_turns_with(string client, string format)
    {
        string key = NewKey();
        string marker = Path.Combine(Path.GetTempPath(), $"{key}.held");
        await using var locks = new StoreLock(NewStore(new RedisLockSettings { Format = format }), new LockOptions
        {
            RetryDelay = TimeSpan.FromMilliseconds(5), RetryJitter = TimeSpan.FromMilliseconds(3), Ttl = TimeSpan.FromSeconds(10),
        });
        using Process other = ForeignClient.Start(client, Server.Port, key, Turns, marker);
        try
        {
            Assert.Equal("ready", await other.StandardOutput.ReadLineAsync());
            Task<(int Code, string Output)> ended = EndAsync(other);
            var tokens = new List<long>();
            for (int turn = 0; turn < Turns; turn++)
            {
                await using ILockHandle handle = await Eventually.DoneAsync(locks.LockAsync(key).AsTask(), "our turn");
                tokens.Add(handle.FencingToken!.Value);
                await using (new FileStream(marker, FileMode.CreateNew, FileAccess.Write))
                    await Task.Delay(3);
                File.Delete(marker);
                Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
                await Task.Delay(2);
            }

            Assert.Equal(tokens.Order(), tokens);
            Assert.Equal(Turns, tokens.Distinct().Count());
            (int code, string output) = await Eventually.DoneAsync(ended, "the other client's turns", TimeSpan.FromSeconds(60));
            Assert.True(code == 0, $"{client} ended with {code}: {output}");
        }
        finally
        {
            if (!other.HasExited)
                other.Kill();
            File.Delete(marker);
        }
    }

    [Fact]
    public async Task Our_release_wakes_a_waiter_of_simple_redis_mutex_that_does_not_poll()
    {
        string key = NewKey();
        string marker = Path.Combine(Path.GetTempPath(), $"{key}.held");
        RedisLockStore store = NewStore(new RedisLockSettings { Format = LockFormats.SimpleRedisMutex });
        string id = NewId();
        await TakeAsync(store, key, id);
        using Process other = ForeignClient.Start("simple-redis-mutex-notified", Server.Port, key, 1, marker);
        try
        {
            Task<(int Code, string Output)> ended = EndAsync(other);
            await Eventually.TrueAsync(
                async () => (long)((object?[])(await CommandAsync("PUBSUB", "NUMSUB",
                    "@simple-redis-mutex:locks-releases"))!)[1]! >= 1, "its subscription");
            // Its first try comes right behind its subscription: it must have found the lock held.
            await Eventually.TrueAsync(async () => (await CommandCountsAsync()).GetValueOrDefault("set") >= 2, "its first try");
            Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, id));
            (int code, string output) = await Eventually.DoneAsync(ended, "its turn");
            Assert.True(code == 0, $"ended with {code}: {output}");
        }
        finally
        {
            if (!other.HasExited)
                other.Kill();
            File.Delete(marker);
        }
    }

    [Fact]
    public async Task A_release_of_simple_redis_mutex_wakes_our_waiter_and_its_holder_is_no_stranger()
    {
        RedisLockStore store = NewStore(new RedisLockSettings { Format = LockFormats.SimpleRedisMutex });
        string key = NewKey();
        await CommandAsync("SET", "@simple-redis-mutex:lock-" + key, "0.123", "NX", "PX", "60000");
        Assert.False((await AskAsync(store, key, NewId())).IsStranger);
        await using IReleaseWatch watch = await store.WatchAsync(key, CancellationToken.None);
        // Word for word what its release script sends.
        await CommandAsync(
            "EVAL",
            "redis.call('DEL', KEYS[1]) "
                + "return redis.call('PUBLISH', KEYS[2], string.format('{ \"key\": \"%s\", \"value\": \"%s\" }', KEYS[1], ARGV[1]))",
            "2", "@simple-redis-mutex:lock-" + key, "@simple-redis-mutex:locks-releases", "0.123");
        Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
        Assert.True((await AskAsync(store, key, NewId())).IsGranted);
    }

    [Fact]
    public async Task Everything_on_the_channel_of_simple_redis_mutex_is_json_with_a_key()
    {
        await using RawRedis listener = await Server.RawAsync();
        await listener.CommandAsync("SUBSCRIBE", "@simple-redis-mutex:locks-releases");
        RedisLockStore store = NewStore(new RedisLockSettings { Format = LockFormats.SimpleRedisMutex });
        (string key, string id) = ($"say \"{NewKey()}\" ü", NewId());
        await using IReleaseWatch watch = await store.WatchAsync(key, CancellationToken.None);
        await TakeAsync(store, key, id);
        await ReleaseAsync(store, key, id);
        // Our own probe of the subscription is on it too: a message that is no JSON ends their processes.
        string? last;
        do
        {
            object?[] message = (object?[])(await listener.ReadAsync())!;
            using var json = System.Text.Json.JsonDocument.Parse((string)message[2]!);
            last = json.RootElement.GetProperty("key").GetString();
        }
        while (last != "@simple-redis-mutex:lock-" + key);
    }

    private static async Task<(int Code, string Output)> EndAsync(System.Diagnostics.Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }
}
