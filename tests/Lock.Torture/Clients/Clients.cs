using System.Globalization;
using RedLockNet;
using RedLockNet.SERedis;
using RedLockNet.SERedis.Configuration;
using StackExchange.Redis;

namespace Locking.Torture;

/// <summary>The clients by name: this library's by LOCK_CONFIG, its peers by the ports in TORTURE_PORTS.</summary>
internal static class Clients
{
    public static async Task<ITortureClient> ConnectAsync(string name) => name switch
    {
        "own" => OwnClient.Of(Environment.GetEnvironmentVariable("LOCK_CONFIG")!),
        "redlock.net" => new RedLockNetClient(await RedisAsync()),
        "medallion" => new MedallionClient(await RedisAsync()),
        _ => throw new ArgumentException(
            $"There is no client '{name}': own, redlock.net, medallion, {string.Join(", ", ForeignClients.Names)}."),
    };

    private static async Task<ConnectionMultiplexer[]> RedisAsync() =>
        await Task.WhenAll(Environment.GetEnvironmentVariable("TORTURE_PORTS")!.Split(',').Select(static port =>
            ConnectionMultiplexer.ConnectAsync(string.Create(
                CultureInfo.InvariantCulture, $"127.0.0.1:{port},abortConnect=false,connectTimeout=2000,asyncTimeout=2000"))));
}

/// <summary>RedLock.net. Its handle says by <see cref="IRedLock.IsAcquired"/> whether it still has the lock.</summary>
internal sealed class RedLockNetClient(ConnectionMultiplexer[] connections) : ITortureClient
{
    private readonly RedLockFactory _factory =
        RedLockFactory.Create([.. connections.Select(static connection => new RedLockMultiplexer(connection))]);

    public bool CanLetExpire => false;

    public async Task<ITortureHold?> TakeAsync(string key, TimeSpan ttl, TimeSpan wait, bool renew, CancellationToken cancellationToken)
    {
        // Its wait has no "for ever", and its cancellation is not asked for while it waits: short waits, repeated.
        while (true)
        {
            TimeSpan some = wait < TimeSpan.Zero ? TimeSpan.FromSeconds(1) : wait;
            IRedLock taken = wait == TimeSpan.Zero
                ? await _factory.CreateLockAsync(key, ttl)
                : await _factory.CreateLockAsync(key, ttl, some, TimeSpan.FromMilliseconds(20));
            if (taken.IsAcquired)
                return new Hold(taken);
            bool isBusy = taken.Status == RedLockStatus.Conflicted;
            await taken.DisposeAsync();
            if (!isBusy && wait >= TimeSpan.Zero)
                throw new LockStoreException($"{taken.Status}", isTransient: true);
            if (wait >= TimeSpan.Zero)
                return null;
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _factory.Dispose();
        foreach (ConnectionMultiplexer connection in connections)
            await connection.DisposeAsync();
    }

    private sealed class Hold(IRedLock held) : ITortureHold
    {
        public long? Token => null;

        public TimeSpan? Remaining => null;

        public bool IsLost => !held.IsAcquired;

        public string Reason => "told";

        public Task<bool?> ExtendAsync(TimeSpan ttl) => Task.FromResult<bool?>(null);

        public async Task<string> ReleaseAsync()
        {
            await held.DisposeAsync();
            return "Unknown";
        }
    }
}

/// <summary>DistributedLock.Redis.</summary>
internal sealed class MedallionClient(ConnectionMultiplexer[] connections) : ITortureClient
{
    public bool CanLetExpire => false;

    public async Task<ITortureHold?> TakeAsync(string key, TimeSpan ttl, TimeSpan wait, bool renew, CancellationToken cancellationToken)
    {
        var theLock = new Medallion.Threading.Redis.RedisDistributedLock(
            key,
            [.. connections.Select(static connection => connection.GetDatabase())],
            options => options.Expiry(ttl).BusyWaitSleepTime(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(30)));
        try
        {
            return await theLock.TryAcquireAsync(wait, cancellationToken) is { } held ? new Hold(held) : null;
        }
        catch (Exception problem) when (problem is RedisException or RedisTimeoutException or TimeoutException or AggregateException)
        {
            throw new LockStoreException(problem.Message, isTransient: true, problem);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ConnectionMultiplexer connection in connections)
            await connection.DisposeAsync();
    }

    private sealed class Hold(Medallion.Threading.Redis.RedisDistributedLockHandle held) : ITortureHold
    {
        private readonly CancellationToken _lost = held.HandleLostToken;

        public long? Token => null;

        public TimeSpan? Remaining => null;

        public bool IsLost => _lost.IsCancellationRequested;

        public string Reason => "told";

        public Task<bool?> ExtendAsync(TimeSpan ttl) => Task.FromResult<bool?>(null);

        public async Task<string> ReleaseAsync()
        {
            try
            {
                await held.DisposeAsync();
            }
            catch (Exception problem) when (problem is RedisException or RedisTimeoutException or TimeoutException or AggregateException)
            {
                // Its disposal throws where the server does not answer.
            }

            return "Unknown";
        }
    }
}
