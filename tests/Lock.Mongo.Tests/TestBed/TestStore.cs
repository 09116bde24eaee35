using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;
using MongoDB.Bson;
using MongoDB.Driver;
using MongoDB.Driver.Core.Clusters;

namespace Locking;

/// <summary>A store with its client for one test, on a collection of its own unless told otherwise.</summary>
internal sealed class TestStore : IAsyncDisposable
{
    /// <summary>A machine that is busy with other things is no fault of a server.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DriverCommandRunner _runner;

    public TestStore(string uri, string? collection = null, Func<MongoStoreSettings, MongoStoreSettings>? change = null)
    {
        MongoClientPlan plan = Plan(uri);
        _runner = new DriverCommandRunner(new MongoClientSource(plan), TimeProvider.System);
        Settings = SettingsOf(plan.Target, collection ?? MongoServer.NewCollection());
        Settings = change?.Invoke(Settings) ?? Settings;
        Store = new MongoLockStore(_runner, Settings, TimeProvider.System, _runner);
    }

    public MongoStoreSettings Settings { get; }

    public MongoLockStore Store { get; }

    public DriverCommandRunner Runner => _runner;

    public static string NewId() => Guid.NewGuid().ToString();

    /// <summary>What a configuration with this URI would be made of; with limits that nothing but a hang reaches, unless the URI says
    /// others.</summary>
    public static MongoClientPlan Plan(string uri) =>
        MongoConnectionRules.Client(new MongoLockSettings { Url = uri, ConnectTimeout = Patience, CommandTimeout = Patience });

    public static DriverCommandRunner RunnerOf(string uri, TimeProvider? time = null) =>
        new(new MongoClientSource(Plan(uri)), time ?? TimeProvider.System);

    /// <summary>The same client, soon tired of looking for a server: for what is to fail. What connected in its own time need not do it
    /// again in little.</summary>
    public static async Task<DriverCommandRunner> ImpatientAsync(DriverCommandRunner runner)
    {
        MongoTarget target = runner.Source.Target with { SelectionTimeout = TimeSpan.FromMilliseconds(300) };
        var impatient = new DriverCommandRunner(new MongoClientSource(await runner.Source.GetAsync(default), target), TimeProvider.System);
        await impatient.RunAsync("admin", new("ping", 1), default);
        return impatient;
    }

    /// <summary>A store over the same client and collection that is soon tired of looking for a server.</summary>
    public async Task<MongoLockStore> ImpatientAsync()
    {
        DriverCommandRunner impatient = await ImpatientAsync(_runner);
        return new MongoLockStore(impatient, Settings with { Target = impatient.Source.Target }, TimeProvider.System);
    }

    /// <summary>Sends a command as a step does: repeats it where that may help.</summary>
    public static async Task<BsonDocument> StepAsync(DriverCommandRunner runner, BsonDocument command)
    {
        MongoStoreSettings settings = SettingsOf(runner.Source.Target, "none");
        using var step = new MongoStep(runner, settings, new StepQueue(1, Patience, TimeProvider.System), TimeProvider.System, default);
        return await step.RunAsync(async step => (await step.SendAsync(command, "the command")).Reply);
    }

    /// <summary>A store over the same client and collection whose limits are kept by a clock that a test advances.</summary>
    public async Task<MongoLockStore> OnClockAsync(TimeProvider time, TimeSpan commandTimeout, TimeSpan stepTimeout)
    {
        MongoTarget target = _runner.Source.Target with { CommandTimeout = commandTimeout };
        var runner = new DriverCommandRunner(new MongoClientSource(await _runner.Source.GetAsync(default), target), time);
        await runner.RunAsync("admin", new("ping", 1), default);
        return new MongoLockStore(runner, Settings with { CommandTimeout = commandTimeout, StepTimeout = stepTimeout }, time);
    }

    /// <summary>Lets a client search for a server, and its time to search go by once the driver has seen what there is to
    /// tell.</summary>
    /// <param name="uri">Where there is none that takes writes; ends where options may follow.</param>
    /// <param name="hasSeen">What the driver has seen.</param>
    public static async Task<LockStoreException> SearchInVainAsync(string uri, Func<ClusterDescription, bool> hasSeen)
    {
        FakeTimeProvider time = new();
        using DriverCommandRunner client = RunnerOf(uri + "serverSelectionTimeoutMS=60000", time);
        Task<BsonDocument> asked = client.RunAsync("admin", new("ping", 1), default).AsTask();
        IMongoClient driver = await client.Source.GetAsync(default);
        await Eventually.TrueAsync(() => hasSeen(driver.Cluster.Description), "the servers were asked");
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return asked.IsCompleted;
        }, "given up");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => asked);
        Assert.Contains("within 60000 ms (connectTimeout, or serverSelectionTimeoutMS of the URI)", exception.Message,
            StringComparison.Ordinal);
        return exception;
    }

    public static MongoStoreSettings SettingsOf(MongoTarget target, string collection) => new()
    {
        Database = "lock_tests", Collection = collection, CommandTimeout = target.CommandTimeout, StepTimeout = target.StepTimeout, Target =
            target,
    };

    public ValueTask<AcquireReply> AcquireAsync(string key, string id, TimeSpan? ttl = null, string owner = "tests") =>
        Store.TryAcquireAsync(new AcquireRequest(key, id, owner, ttl ?? TimeSpan.FromMinutes(1)), default);

    public ValueTask<StoreReply> ReleaseAsync(string key, string id) => Store.TryReleaseAsync(key, id, default);

    /// <summary>Runs a command beside the store.</summary>
    public async Task<BsonDocument> CommandAsync(BsonDocument command)
    {
        BsonDocument reply = await _runner.RunAsync(Settings.Database, command, default);
        MongoReply.ThrowIfNotOk(reply);
        return reply;
    }

    /// <summary>Puts a document into the collection.</summary>
    /// <param name="document">In the shell's notation.</param>
    public Task InsertAsync(string document) =>
        CommandAsync(new() { { "insert", Settings.Collection }, { "documents", new BsonArray { BsonDocument.Parse(document) } } });

    public Task CreateIndexAsync(string name, string field, BsonDocument? options = null) => CommandAsync(new()
    {
        { "createIndexes", Settings.Collection },
        { "indexes",
            new BsonArray { new BsonDocument { { "key", new BsonDocument(field, 1) }, { "name", name } }.AddRange(options ?? []) } },
    });

    /// <summary>The document of a key, or null.</summary>
    public async Task<BsonDocument?> DocumentAsync(string key) =>
        (await CommandAsync(
            new() { { "find", Settings.Collection }, { "filter", new BsonDocument("_id", key) }, { "limit", 1 }, { "singleBatch", true } }))
            .Batch().FirstOrDefault();

    public async ValueTask DisposeAsync()
    {
        try
        {
            await CommandAsync(new("drop", Settings.Collection));
        }
        catch (Exception exception) when (exception is MongoRefusedException or LockStoreException)
        {
            // Never made, or the server is gone with the test.
        }

        await Store.DisposeAsync();
    }
}
