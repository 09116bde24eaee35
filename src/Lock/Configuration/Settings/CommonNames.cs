using System.Collections.Frozen;

namespace Locking;

/// <summary>Names that other products have for a setting and that no spelling mistake leads from: what was meant, for the suggestion.</summary>
internal static class CommonNames
{
    private static readonly FrozenDictionary<string, string> OfTop = Of(
        ("backend, provider, driver, store, kind", "type"),
        ("ns, app, application, prefix", "namespace"),
        ("conn, server, redis, mongo, broker", "connection"),
        ("options, lock, locks, settings", "lockOptions"));

    private static readonly FrozenDictionary<string, string> OfConnection = Of(
        ("hostname, server, address, addr, ip, endpoint", "host"),
        ("user, login, userId, aclUser", "username"),
        ("pass, pwd, passwd, auth, authToken", "password"),
        ("ssl, useTls, useSsl, secure, rediss", "tls"),
        ("uri, dsn, configuration", "url"),
        ("socket, sock, socketPath, unixSocket", "path"),
        ("servers, nodes, hosts, members", "endpoints"),
        ("dbNumber, dbIndex, defaultDatabase, index", "db"),
        ("requestTimeout, socketTimeout, syncTimeout, asyncTimeout", "commandTimeout"));

    private static readonly FrozenDictionary<string, string> OfOptions = Of(
        ("expiry, expire, expires, expiration, lease, leaseTime, leaseDuration, duration, lockTtl", "ttl"),
        ("acquireTimeout, lockTimeout, waitTime, maxWait, blockingTimeout", "waitTimeout"),
        ("retries, attempts, maxAttempts, retryMax", "retryCount"),
        ("interval, retryInterval, backoff, sleep", "retryDelay"),
        ("jitter", "retryJitter"),
        ("renew, renewal, autoExtend, autoExtension, extend, keepAlive, watchdog", "autoRenew"),
        ("drift, clockDrift, clockDriftFactor", "driftFactor"),
        ("prefix, keyspace", "keyPrefix"),
        ("fifo", "fair"));

    /// <summary>The setting that a name stands for, as it is called from where the name stands; or null.</summary>
    /// <param name="place">The object with the name; empty for the top.</param>
    /// <param name="topPath">The path of the top: of the wrapper's inner object, or empty; null: nothing of another object is meant.</param>
    /// <param name="name">The name.</param>
    public static string? Meant(string place, string? topPath, string name) =>
        (place.Length == 0 ? OfTop.GetValueOrDefault(name) : null)
        ?? Find(place == TopSettings.LockOptions ? TopSettings.LockOptions : TopSettings.Connection, place, topPath, name)
        ?? Find(place == TopSettings.LockOptions ? TopSettings.Connection : TopSettings.LockOptions, place, topPath, name);

    private static string? Find(string where, string place, string? topPath, string name)
    {
        var meant = (where == TopSettings.Connection ? OfConnection : OfOptions).GetValueOrDefault(name);
        if (meant is null || where == place)
            return meant;
        return topPath is null ? null : ConfigNode.Join(ConfigNode.Join(topPath, where), meant);
    }

    private static FrozenDictionary<string, string> Of(params (string Names, string Meant)[] rows) => rows
        .SelectMany(static row => row.Names.Split(", ").Select(name => KeyValuePair.Create(name, row.Meant)))
        .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
}
