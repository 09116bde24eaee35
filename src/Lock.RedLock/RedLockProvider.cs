using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes <see cref="RedLockStore"/>s: <c>type</c> <c>redLock</c>.</summary>
public sealed class RedLockProvider : LockProvider<RedLockSettings>
{
    /// <inheritdoc/>
    public override string Type => "redLock";

    /// <inheritdoc/>
    public override SettingsTable<RedLockSettings> Settings => RedLockSettings.Table;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(RedLockSettings settings, LockOptions options, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (settings.Endpoints is not { Count: > 0 } endpoints)
            throw new LockConfigException("connection.endpoints", $"is needed by redLock. Allowed: {Settings.Rows[0].Allowed}.");
        CheckOptions(settings, options, endpoints.Count);

        var common =
            new RedisLockSettings { Username = settings.Username, Password = settings.Password, Tls = settings.Tls, Db = settings.Db };
        var stores = new List<RedisLockStore>();
        for (int i = 0; i < endpoints.Count; i++)
        {
            RedisLockSettings node = OfNode(endpoints[i], settings);
            RedisConnector connector = RedisConnector.From(node, $"connection.endpoints[{i}]", common);
            if (stores.Exists(other => other.Connection.Server == connector.Server))
                throw new LockConfigException(
                    $"connection.endpoints[{i}]", $"{connector.Server} is named twice; every endpoint must be a server of its own.");
            ILogger logger = context.LoggerFactory.CreateLogger<RedLockStore>();
            stores.Add(new RedisLockStore(new RedisConnection(connector, context.TimeProvider, logger), node, options));
        }

        return Create(stores, settings, options, context.TimeProvider, settings.ConnectTimeout ?? TimeSpan.FromSeconds(3));
    }

    internal static RedLockStore Create(
        IReadOnlyList<RedisLockStore> stores, RedLockSettings settings, LockOptions options, TimeProvider time, TimeSpan connectTimeout)
    {
        List<RedisVoter> voters = stores.Select(static store => new RedisVoter(store.AsNode())).ToList();
        var admission = new Admission(voters, options.Ttl is { } ttl && ttl > TimeSpan.Zero ? ttl : TimeSpan.FromSeconds(30), time);
        TimeSpan retention = settings.FenceRetention ?? TimeSpan.FromHours(1);
        List<IQuorumNode> nodes = voters.Select(
            IQuorumNode (voter, index) => new RedisQuorumNode(index, voter, new NodeHealth(voter, admission, time), retention)).ToList();
        var quorum = new QuorumNodes(nodes, settings.Quorum, settings.NodeTimeout, connectTimeout, time);
        return new RedLockStore(quorum, options, admission.Covers, admission);
    }

    private static void CheckOptions(RedLockSettings settings, LockOptions options, int nodes)
    {
        if (options.Ttl == Timeout.InfiniteTimeSpan)
            throw new LockConfigException("lockOptions.ttl", RedLockStore.NoExpiryRefused);
        int majority = (nodes / 2) + 1;
        if (settings.Quorum is { } quorum && (quorum > nodes || quorum < majority))
        {
            throw new LockConfigException(
                "lockOptions.quorum",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{quorum} is out of range. Allowed: {majority} to {nodes} with {nodes} endpoints, or null for a majority."));
        }
    }

    /// <summary>One server's settings. What an address may say too is put together by who reads the address.</summary>
    private static RedisLockSettings OfNode(RedisLockSettings endpoint, RedLockSettings common) => endpoint with
    {
        ConnectTimeout = endpoint.ConnectTimeout ?? common.ConnectTimeout,
        CommandTimeout = endpoint.CommandTimeout ?? common.CommandTimeout,
        NoDelay = endpoint.NoDelay ?? common.NoDelay,
        Fair = null,
        Replicas = null,
        ReplicaTimeout = null,
        FenceRetention = common.FenceRetention,
        Format = common.Format,
        KeyPrefix = common.KeyPrefix,
    };
}
