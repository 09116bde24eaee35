using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes <see cref="RedLockLockStore"/>s: <c>type</c> <c>redLock</c>.</summary>
public sealed class RedLockLockProvider : ILockProvider
{
    /// <inheritdoc/>
    public string Type => "redLock";

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        var options = config.LockOptions ?? new LockOptions();
        var common = config.Connection ?? new LockConnection();
        if (common.Endpoints is not { Count: > 0 } endpoints)
            throw new LockConfigException("connection.endpoints", "must name at least one Redis server, each with host and port or url.");
        if (common.Host is not null || common.Port is not null || common.Url is not null || common.Path is not null)
            throw new LockConfigException("connection", "says where a server is beside its endpoints; put it into connection.endpoints.");
        CheckOptions(options, endpoints.Count);

        var stores = new List<RedisLockStore>();
        for (var i = 0; i < endpoints.Count; i++)
        {
            var connector = RedisConnector.From(WithCommon(endpoints[i], common), $"connection.endpoints[{i}]", common);
            if (stores.Exists(other => other.Connection.Server == connector.Server))
                throw new LockConfigException($"connection.endpoints[{i}]", $"{connector.Server} is named twice; every endpoint must be a server of its own.");
            stores.Add(new RedisLockStore(new RedisConnection(connector, context.TimeProvider, context.LoggerFactory.CreateLogger<RedLockLockStore>()), options));
        }

        return Create(stores, options, context.TimeProvider, common.ConnectTimeout ?? TimeSpan.FromSeconds(3));
    }

    internal static RedLockLockStore Create(IReadOnlyList<RedisLockStore> stores, LockOptions options, TimeProvider time, TimeSpan connectTimeout)
    {
        var voters = stores.Select(static store => new RedisVoter(store.AsNode())).ToList();
        var admission = new Admission(voters, options.Ttl is { } ttl && ttl > TimeSpan.Zero ? ttl : TimeSpan.FromSeconds(30), time);
        var retention = options.FenceRetention ?? TimeSpan.FromHours(1);
        var nodes = voters.Select(IQuorumNode (voter, index) => new RedisQuorumNode(index, voter, new NodeHealth(voter, admission, time), retention)).ToList();
        return new RedLockLockStore(nodes, options, time, connectTimeout, admission.Covers, admission);
    }

    private static void CheckOptions(LockOptions options, int nodes)
    {
        if (options.Ttl == Timeout.InfiniteTimeSpan)
            throw new LockConfigException("lockOptions.ttl", RedLockLockStore.NoExpiryRefused);
        if (options.Format is not (null or LockFormats.Native or LockFormats.RedLockNet))
            throw new LockConfigException("lockOptions.format", $"{options.Format} is for one server; redLock has {LockFormats.Native} and {LockFormats.RedLockNet}.");
        if (options.Replicas is > 0)
            throw new LockConfigException("lockOptions.replicas", $"{options.Replicas} is for type redis; redLock's servers are independent.");
        if (options.Fair is true)
            throw new LockConfigException("lockOptions.fair", "true is not possible: independent servers have no common order of arrival. Use type redis or broker.");
        if (options.Quorum is { } quorum && (quorum > nodes || quorum < (nodes / 2) + 1))
            throw new LockConfigException("lockOptions.quorum", $"{quorum} must be from {(nodes / 2) + 1} (a majority) to {nodes} (all endpoints).");
    }

    /// <summary>What an address cannot say. The rest is put together by who reads the address.</summary>
    private static LockConnection WithCommon(LockConnection endpoint, LockConnection common) => endpoint with
    {
        ConnectTimeout = endpoint.ConnectTimeout ?? common.ConnectTimeout,
        CommandTimeout = endpoint.CommandTimeout ?? common.CommandTimeout,
        NoDelay = endpoint.NoDelay ?? common.NoDelay,
    };
}
