using System.Globalization;
using System.Text;

namespace Locking;

/// <summary>Makes stores of the backend <c>mongo</c>: one document per key in a collection of MongoDB 4.4 or newer, or a server that speaks its protocol.</summary>
public sealed class MongoLockProvider : ILockProvider
{
    private readonly IMongoCommandRunner? _runner;

    /// <summary>Creates a provider whose stores connect by themselves, as <see cref="LockConfig.Connection"/> says.</summary>
    public MongoLockProvider()
    {
    }

    /// <summary>Creates a provider whose stores use a client that the application has.</summary>
    /// <param name="runner">The client; it stays the application's to dispose. Of <see cref="LockConfig.Connection"/> only
    /// <c>database</c>, <c>collection</c>, <c>writeConcern</c>, <c>connectTimeout</c> and <c>commandTimeout</c> may be set then.</param>
    public MongoLockProvider(IMongoCommandRunner runner)
    {
        ArgumentNullException.ThrowIfNull(runner);
        _runner = runner;
    }

    /// <inheritdoc/>
    public string Type => MongoLockStore.TypeName;

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        LockConnection connection = config.Connection ?? new LockConnection();
        LockOptions options = config.LockOptions ?? new LockOptions();
        MongoOptionRules.Check(options, static (path, message) => new LockConfigException(path, message));
        if (_runner is not null) MongoConnectionRules.CheckBorrowed(connection);
        MongoClientSettings client = MongoConnectionRules.Client(connection);
        var settings = new MongoStoreSettings
        {
            Database = Name("connection.database", connection.Database ?? client.Database ?? "locks", "/\\. \"$*<>:|?\0", 63),
            Collection = Name("connection.collection", connection.Collection ?? "locks", "$\0", 120),
            WriteConcern = WriteConcern(connection.WriteConcern ?? client.WriteConcern ?? "majority"),
            KeyPrefix = options.KeyPrefix ?? "",
            FenceRetention = options.FenceRetention ?? MongoStoreSettings.DefaultRetention,
            CommandTimeout = client.CommandTimeout,
            StepTimeout = Sum(Longer(client.ConnectTimeout, client.ServerSelectionTimeout), client.CommandTimeout),
            Client = _runner is null ? client : null,
        };
        if (settings.Collection.StartsWith("system.", StringComparison.Ordinal))
            throw new LockConfigException("connection.collection", $"is '{settings.Collection}'; names that begin with 'system.' belong to MongoDB.");
        if (_runner is not null) return new MongoLockStore(_runner, settings, context.TimeProvider);
        var own = new MongoClient(client, context.TimeProvider);
        return new MongoLockStore(own, settings, context.TimeProvider, own);
    }

    private static TimeSpan Sum(TimeSpan a, TimeSpan b) => a == Timeout.InfiniteTimeSpan || b == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : a + b;

    private static TimeSpan Longer(TimeSpan a, TimeSpan b) => a == Timeout.InfiniteTimeSpan || (b != Timeout.InfiniteTimeSpan && a > b) ? a : b;

    private static string Name(string path, string name, string forbidden, int most)
    {
        if (name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= most && !name.AsSpan().ContainsAny(forbidden)) return name;
        throw new LockConfigException(path, $"is '{name}'; 1 to {most} bytes without any of {string.Join(' ', forbidden.Where(c => c is not ('\0' or ' ')))} are allowed.");
    }

    private static string WriteConcern(string value)
    {
        if (value == "majority" || (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int members) && members is >= 1 and <= 50)) return value;
        throw new LockConfigException("connection.writeConcern", $"is '{value}'; majority, or a number of members from 1 to 50, is allowed.");
    }
}
