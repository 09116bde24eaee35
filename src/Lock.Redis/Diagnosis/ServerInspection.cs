using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Locking;

/// <summary>Asks all servers of a connection how they are. The connection is one for questions: it may ask what administrators
/// ask.</summary>
internal static class ServerInspection
{
    /// <summary>Asks them one after the other.</summary>
    /// <exception cref="LockStoreException">None of them can be reached.</exception>
    public static async Task<IReadOnlyList<ServerFacts>> ReadAsync(RedisConnection connection, CancellationToken cancellationToken)
    {
        IConnectionMultiplexer multiplexer = await connection.ConnectAsync(cancellationToken).ConfigureAwait(false);
        var facts = new List<ServerFacts>();
        foreach (EndPoint endPoint in multiplexer.GetEndPoints())
            facts.Add(
                await ReadAsync(
                    connection, multiplexer.GetServer(endPoint), EndPointNames.Of(endPoint), cancellationToken).ConfigureAwait(false));
        return facts;
    }

    private static async Task<ServerFacts> ReadAsync(
        RedisConnection connection, IServer server, string name, CancellationToken cancellationToken)
    {
        try
        {
            (TimeSpan? offset, TimeSpan? roundTrip) = await ReadClockAsync(connection, server, cancellationToken).ConfigureAwait(false);
            var facts = new ServerFacts { Name = name, Answers = true, ClockOffset = offset, RoundTrip = roundTrip };
            if (await InfoAsync(connection, server, cancellationToken).ConfigureAwait(false) is not { } info)
                return facts;
            facts = OfInfo(facts, Fields(info));

            // Managed servers and careful administrators forbid CONFIG: what INFO says has to do then.
            return facts with
            {
                AppendsWhen = await SettingAsync(connection, server, "appendfsync", cancellationToken).ConfigureAwait(false),
                SavesSnapshots = await SettingAsync(connection, server, "save", cancellationToken).ConfigureAwait(false) is { } points
                    ? points.Length > 0
                    : null,
            };
        }
        catch (Exception exception) when (exception is RedisConnectionException or TimeoutException)
        {
            return new ServerFacts { Name = name };
        }
    }

    private static async Task<(TimeSpan? Offset, TimeSpan? RoundTrip)> ReadClockAsync(
        RedisConnection connection, IServer server, CancellationToken cancellationToken)
    {
        (long began, DateTimeOffset before) = (connection.Time.GetTimestamp(), connection.Time.GetUtcNow());
        try
        {
            DateTime theirs = await connection.LimitAsync(server.TimeAsync(), cancellationToken).ConfigureAwait(false);
            TimeSpan took = connection.Time.GetElapsedTime(began);
            return (new DateTimeOffset(theirs, TimeSpan.Zero) - (before + took / 2), took);
        }
        catch (RedisServerException)
        {
            return (null, null);
        }
    }

    /// <summary>A client that is lent may not ask as an administrator does, but a script may.</summary>
    private static async Task<string?> InfoAsync(RedisConnection connection, IServer server, CancellationToken cancellationToken)
    {
        if (!connection.IsLent)
            return await OrDeniedAsync(connection, () => server.InfoRawAsync(), cancellationToken).ConfigureAwait(false);
        RedisResult? answer = await OrDeniedAsync(
            connection, () => server.ExecuteAsync("EVAL", "return redis.call('info')", 0), cancellationToken).ConfigureAwait(false);
        return (string?)answer;
    }

    private static async Task<string?> SettingAsync(
        RedisConnection connection, IServer server, string name, CancellationToken cancellationToken)
    {
        KeyValuePair<string, string>[]? settings = await OrDeniedAsync(
            connection, () => server.ConfigGetAsync(name), cancellationToken).ConfigureAwait(false);
        return settings is [{ Value: { } value }, ..] ? value : null;
    }

    /// <summary>The answer; null where the server refuses to tell.</summary>
    private static async Task<T?> OrDeniedAsync<T>(RedisConnection connection, Func<Task<T>> request, CancellationToken cancellationToken)
        where T : class?
    {
        try
        {
            return await connection.LimitAsync(request(), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RedisServerException or RedisCommandException)
        {
            return null;
        }
    }

    private static Dictionary<string, string> Fields(string info)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (ReadOnlySpan<char> line in info.AsSpan().EnumerateLines())
        {
            int colon = line.IndexOf(':');
            if (colon > 0 && line[0] != '#')
                fields[line[..colon].ToString()] = line[(colon + 1)..].Trim().ToString();
        }

        return fields;
    }

    private static ServerFacts OfInfo(ServerFacts facts, Dictionary<string, string> info)
    {
        string? redis = info.GetValueOrDefault("redis_version");
        string? valkey = info.GetValueOrDefault("valkey_version");
        return facts with
        {
            IsOpen = true,
            Product = valkey is null ? "Redis" : "Valkey",
            Version = valkey ?? redis,
            Redis = Version.TryParse(redis, out Version? version) ? version : null,
            RunId = info.GetValueOrDefault("run_id"),
            Uptime = Number("uptime_in_seconds") is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            IsReplica = info.GetValueOrDefault("role") == "slave",
            Replicas = (int)(Number("connected_slaves") ?? 0),
            MaxMemory = Number("maxmemory") ?? 0,
            UsedMemory = Number("used_memory") ?? 0,
            EvictionPolicy = info.GetValueOrDefault("maxmemory_policy"),
            AppendsToFile = Number("aof_enabled") is { } appends ? appends != 0 : null,
            FailsToSave = info.GetValueOrDefault("rdb_last_bgsave_status") == "err" ||
                info.GetValueOrDefault("aof_last_write_status") == "err",
            IsCluster = Number("cluster_enabled") is 1,
        };

        long? Number(string name) =>
            long.TryParse(info.GetValueOrDefault(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out long number)
                ? number
                : null;
    }
}
