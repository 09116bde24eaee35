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
        while (_made.TryPop(out IAsyncDisposable? made))
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
        AcquireReply reply = await AskAsync(store, key, id, ttl);
        Assert.True(reply.IsGranted, "expected to be granted the lock");
        return reply.FencingToken!.Value;
    }

    /// <summary>The server learns the scripts, so that steps which are sent right behind each other are done in that order.</summary>
    protected static async Task LearnAsync(RedisLockStore store)
    {
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        await store.GetAsync(key, CancellationToken.None);
        await ReleaseAsync(store, key, id);
        await store.ForceReleaseAsync(key, CancellationToken.None);
    }

    protected static async Task<StoreReply> ReleaseAsync(ILockStore store, string key, string id) =>
        await store.TryReleaseAsync(key, id, CancellationToken.None);

    /// <summary>How many stand in the line of a key. Its name has bytes that are no text.</summary>
    protected Task<long> WaitersAsync(string key) => WaitersAsync(Server, key);

    internal static async Task<long> WaitersAsync(RedisServer server, string key) => (long)(await server.CommandAsync(
        "EVAL", @"local line = redis.call('keys', ARGV[1] .. '\255l*')[1] return line and redis.call('zcard', line) or 0", "0", key))!;

    /// <summary>The id in a record; null when there is none.</summary>
    internal static async Task<string?> HolderAsync(RedisServer server, string record) =>
        (await server.CommandAsync("GET", record) as string)?.Split(' ')[0];

    protected Task<object?> CommandAsync(params string[] words) => Server.CommandAsync(words);

    /// <summary>How often the server ran each command since it started or CONFIG RESETSTAT.</summary>
    protected async Task<Dictionary<string, long>> CommandCountsAsync() =>
        ((string)(await CommandAsync("INFO", "commandstats"))!).Split("\r\n")
            .Where(line => line.StartsWith("cmdstat_", StringComparison.Ordinal))
            .ToDictionary(
                line => line["cmdstat_".Length..line.IndexOf(':', StringComparison.Ordinal)],
                line => long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
}
