using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking.Bench.Mongo;

/// <summary>A way to wait for a lock in MongoDB, in a process of its own.</summary>
internal abstract class MongoLibrary : ILockLibrary
{
    public const string Database = "lock_bench";

    private const string Raw = "raw, asking";
    private const string Ours = "ours";

    public static IReadOnlyList<string> All { get; } = [Raw, Ours];

    public static MongoLibrary Connect(string name, string uri) => name switch
    {
        Raw => new RawLibrary(new MongoClient(uri)),
        Ours => new OurLibrary(uri),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    public abstract Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default);

    public abstract ValueTask DisposeAsync();

    /// <summary>Who finds it taken sleeps for 10 to 800 ms and asks again, as locks without turns do.</summary>
    private sealed class RawLibrary(MongoClient client) : MongoLibrary
    {
        private readonly RawMongoLock _lock = new(client.GetDatabase(Database), "raw_turns");

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default)
        {
            string id = Guid.NewGuid().ToString();
            while (!await _lock.TryTakeAsync(key, id))
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(10, 800)), TimeProvider.System, cancellationToken);
            return new Hold(() => _lock.GiveBackAsync(key, id));
        }

        public override ValueTask DisposeAsync()
        {
            client.Dispose();
            return ValueTask.CompletedTask;
        }

        private sealed class Hold(Func<Task> giveBack) : IAsyncDisposable
        {
            public async ValueTask DisposeAsync() => await giveBack();
        }
    }

    private sealed class OurLibrary(string uri) : MongoLibrary
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

        private readonly StoreLock _locks = new(new MongoLockProvider().CreateStore(new MongoLockSettings
        {
            Url = uri, Database = Database, Collection = "turns", ConnectTimeout = s_patience, CommandTimeout = s_patience,
        }));

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await _locks.LockAsync(key, cancellationToken: cancellationToken);

        public override ValueTask DisposeAsync() => _locks.DisposeAsync();
    }
}
