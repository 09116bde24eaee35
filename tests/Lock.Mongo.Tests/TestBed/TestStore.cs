namespace Locking;

/// <summary>A store with its client for one test, on a collection of its own unless told otherwise.</summary>
internal sealed class TestStore : IAsyncDisposable
{
    private readonly MongoClient _client;

    public TestStore(string uri, string? collection = null, Func<MongoStoreSettings, MongoStoreSettings>? change = null)
    {
        _client = new MongoClient(MongoUri.Parse(uri));
        Settings = new MongoStoreSettings { Database = "lock_tests", Collection = collection ?? MongoServer.NewCollection() };
        Settings = change?.Invoke(Settings) ?? Settings;
        Store = new MongoLockStore(_client, Settings, TimeProvider.System, _client);
    }

    public MongoStoreSettings Settings { get; }

    public MongoLockStore Store { get; }

    public static string NewId() => Guid.NewGuid().ToString();

    public ValueTask<AcquireReply> AcquireAsync(string key, string id, TimeSpan? ttl = null, string owner = "tests") =>
        Store.TryAcquireAsync(new AcquireRequest(key, id, owner, ttl ?? TimeSpan.FromMinutes(1)), default);

    public ValueTask<StoreReply> ReleaseAsync(string key, string id) => Store.TryReleaseAsync(key, id, default);

    /// <summary>Runs a command beside the store.</summary>
    public async Task<byte[]> CommandAsync(BsonWriter command)
    {
        ReadOnlyMemory<byte> reply = await _client.RunAsync(Settings.Database, command.ToDocument(), default);
        MongoReply.ThrowIfNotOk(reply.Span);
        return reply.ToArray();
    }

    public Task InsertAsync(Action<BsonWriter> document)
    {
        BsonWriter command = new BsonWriter().String("insert", Settings.Collection).Array("documents").Document("0");
        document(command);
        return CommandAsync(command.End().End());
    }

    /// <summary>The document of a key, or null.</summary>
    public async Task<byte[]?> DocumentAsync(string key)
    {
        byte[] reply = await CommandAsync(new BsonWriter().String("find", Settings.Collection).Document("filter").String("_id", key).End().Int32("limit", 1).Boolean("singleBatch", true));
        return First(reply);

        static byte[]? First(byte[] reply)
        {
            BsonReader.TryFind(reply, "cursor"u8, out BsonElement cursor);
            BsonReader.TryFind(cursor.AsDocument(), "firstBatch"u8, out BsonElement batch);
            return BsonReader.TryFind(batch.AsDocument(), "0"u8, out BsonElement first) ? first.Value.ToArray() : null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await CommandAsync(new BsonWriter().String("drop", Settings.Collection));
        }
        catch (Exception e) when (e is MongoCommandException or LockStoreException)
        {
            // Never made, or the server is gone with the test.
        }

        await Store.DisposeAsync();
    }
}
