using Locking.Testing;

namespace Locking;

/// <summary>What the tests of this provider share: a server of the class, stores that end with the test, requests.</summary>
public abstract class RedisTests(RedisFixture redis) : IAsyncLifetime
{
    private readonly Stack<IAsyncDisposable> _made = new();

    protected RedisServer Server => redis.Server;

    protected static TimeSpan LongTtl { get; } = TimeSpan.FromMinutes(1);

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync()
    {
        while (_made.TryPop(out var made))
            await made.DisposeAsync();
    }

    protected RedisLockStore NewStore(RedisLockSettings? settings = null, TimeSpan? commandTimeout = null) =>
        Track((RedisLockStore)redis.NewStore(settings, commandTimeout));

    protected T Track<T>(T made)
        where T : IAsyncDisposable
    {
        _made.Push(made);
        return made;
    }

    protected static string NewKey() => $"test-{Guid.NewGuid():N}";

    protected static string NewId() => Guid.NewGuid().ToString();

    protected static AcquireRequest Request(string key, string id, TimeSpan? ttl = null, bool queue = false) =>
        new(key, id, "tester", ttl ?? LongTtl) { Queue = queue };

    protected static async Task<AcquireReply> AskAsync(ILockStore store, string key, string id, TimeSpan? ttl = null, bool queue = false) =>
        await store.TryAcquireAsync(Request(key, id, ttl, queue), CancellationToken.None);

    protected static async Task<long> TakeAsync(ILockStore store, string key, string id, TimeSpan? ttl = null)
    {
        var reply = await AskAsync(store, key, id, ttl);
        Assert.True(reply.IsGranted, "expected to be granted the lock");
        return reply.FencingToken!.Value;
    }

    protected static async Task<StoreReply> ReleaseAsync(ILockStore store, string key, string id) =>
        await store.TryReleaseAsync(key, id, CancellationToken.None);

    protected Task<object?> CommandAsync(params string[] words) => Server.CommandAsync(words);

    /// <summary>How often the server ran each command since it started or CONFIG RESETSTAT.</summary>
    protected async Task<Dictionary<string, long>> CommandCountsAsync() =>
        ((string)(await CommandAsync("INFO", "commandstats"))!).Split("\r\n")
            .Where(line => line.StartsWith("cmdstat_", StringComparison.Ordinal))
            .ToDictionary(
                line => line["cmdstat_".Length..line.IndexOf(':', StringComparison.Ordinal)],
                line => long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
}
