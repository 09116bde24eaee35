using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using MongoDB.Driver;

namespace Locking;

/// <summary>Makes stores of the backend <c>mongo</c>: one document per key in a collection of MongoDB 4.4 or newer, or a server that speaks
/// its protocol.</summary>
public sealed class MongoLockProvider : LockProvider<MongoLockSettings>
{
    private readonly IMongoClient? _lent;
    private readonly string? _lentDatabase;

    /// <summary>Creates a provider whose stores connect by themselves, as <see cref="LockConfig.Connection"/> says.</summary>
    public MongoLockProvider()
    {
    }

    /// <summary>Creates a provider whose stores use a client that the application has, with all that is set up for it.</summary>
    /// <remarks>
    /// Commands go to the server that takes writes, whatever the client's read preference is; its write concern does not count,
    /// <c>writeConcern</c> does. A client whose connections are all in use makes steps wait for their turn. What the driver does not tell
    /// of a client that is lent, docs/mongo.md names.
    /// </remarks>
    /// <param name="client">The client; it stays the application's to dispose, and has to live as long as the locks. Of <see
    /// cref="LockConfig.Connection"/> only
    /// <c>database</c>, <c>collection</c>, <c>writeConcern</c>, <c>connectTimeout</c> and <c>commandTimeout</c> may be set then.</param>
    public MongoLockProvider(IMongoClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        _lent = client;
    }

    /// <summary>Creates a provider whose stores use a client that the application has, and keep their locks in this database.</summary>
    /// <param name="database">The database; as with <see cref="MongoLockProvider(IMongoClient)"/>, but <c>connection.database</c> may be
    /// left out, or say the same.</param>
    public MongoLockProvider(IMongoDatabase database)
    {
        ArgumentNullException.ThrowIfNull(database);
        _lent = database.Client;
        _lentDatabase = database.DatabaseNamespace.DatabaseName;
    }

    /// <summary>Whether MongoDB's driver is in this program. It does not work in one that is compiled natively (decision 0186); with this switch off, none of
    /// it is compiled.</summary>
    [FeatureSwitchDefinition("Locking.Mongo.IsSupported")]
    internal static bool IsSupported => !AppContext.TryGetSwitch("Locking.Mongo.IsSupported", out bool supported) || supported;

    /// <inheritdoc/>
    public override string Type => MongoLockStore.TypeName;

    /// <inheritdoc/>
    public override SettingsTable<MongoLockSettings> Settings => MongoLockSettings.Table;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(MongoLockSettings settings, LockOptions options, LockProviderContext context)
    {
        if (!IsSupported) throw new LockConfigException("type", "is mongo, and this program has been built without MongoDB's driver.");
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Wait == WaitMode.Notify)
            throw new LockConfigException("lockOptions.wait", "is notify; backend mongo gives no notices (auto and poll are allowed).");
        MongoClientPlan? plan = _lent is null ? MongoConnectionRules.Client(settings) : null;
        MongoTarget target = plan?.Target ?? MongoConnectionRules.Lent(settings, _lent!.Settings);
        if (_lentDatabase is not null && settings.Database is { } other && other != _lentDatabase)
            throw new LockConfigException("connection.database",
                $"is '{other}', but the database that was given in code is '{_lentDatabase}'; leave it out.");
        var store = new MongoStoreSettings
        {
            Database = Name("connection.database", settings.Database ?? _lentDatabase ?? plan?.Url.DatabaseName ?? "locks",
                "/\\. \"$*<>:|?\0", 63),
            Collection = Name("connection.collection", settings.Collection ?? "locks", "$\0", 120),
            WriteConcern = WriteConcern(settings.WriteConcern ?? plan?.WriteConcern ?? "majority"),
            KeyPrefix = settings.KeyPrefix ?? "",
            FenceRetention = settings.FenceRetention ?? MongoStoreSettings.DefaultRetention,
            CommandTimeout = target.CommandTimeout,
            StepTimeout = target.StepTimeout,
            Target = target,
        };
        if (store.Collection.StartsWith("system.", StringComparison.Ordinal))
            throw new LockConfigException("connection.collection",
                $"is '{store.Collection}'; names that begin with 'system.' belong to MongoDB.");
        MongoClientSource source = plan is null ? new MongoClientSource(_lent!, target) : new MongoClientSource(plan);
        var runner = new DriverCommandRunner(source, context.TimeProvider);
        return new MongoLockStore(runner, store, context.TimeProvider, runner);
    }

    private static string Name(string path, string name, string forbidden, int most)
    {
        if (name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= most && !name.AsSpan().ContainsAny(forbidden)) return name;
        throw new LockConfigException(path,
            $"is '{name}'; 1 to {most} bytes without any of {string.Join(' ', forbidden.Where(c => c is not ('\0' or ' ')))} are allowed.");
    }

    private static string WriteConcern(string value)
    {
        if (value == "majority"
            || (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int members) && members is >= 1 and <= 50))
            return value;
        throw new LockConfigException("connection.writeConcern",
            $"is '{value}'; majority, or a number of members from 1 to 50, is allowed.");
    }
}
