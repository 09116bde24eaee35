using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking;

/// <summary>Turns what the client throws into the seam's one exception: whether it may pass, and whether the step may have been done.</summary>
internal static class RedisFaults
{
    /// <summary>Whether a server says that it does not know a script by its hash.</summary>
    public static bool IsUnknownScript(Exception exception) =>
        exception is RedisServerException server && server.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal);

    /// <summary>Whether the client may be looking for the master in the wrong place: what it asked is a replica now, it knows of no master, or,
    /// where there are several servers, the one that it asks is silent or gone. Newer versions look for themselves only once a minute.</summary>
    public static bool HasLostTheMaster(Exception exception, IConnectionMultiplexer client) => exception switch
    {
        RedisServerException refusal => refusal.Message.Contains("READONLY", StringComparison.Ordinal),
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToResolvePhysicalConnection } => true,
        RedisConnectionException or TimeoutException => client.GetEndPoints().Length > 1,
        _ => false,
    };

    /// <summary>The seam's exception for a fault of the client.</summary>
    /// <param name="exception">What the client threw.</param>
    /// <param name="step">What was asked.</param>
    /// <param name="server">The server, for the message.</param>
    public static LockStoreException Wrap(Exception exception, string step, string server) => exception switch
    {
        LockStoreException known => known,
        RedisServerException refusal => WrapRefusal(refusal, step, server),
        RedisConnectionException refused when IsAuthentication(refused) => Refused(
            $"{server} refused the user name or password ({step}). Set connection.password (and connection.username) to what the server has.", exception),
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToConnect } => new LockStoreException(
            $"{server} cannot be reached ({step}): is it up, and are host, port and connection.tls right?", isTransient: true, exception)
        {
            MayHaveBeenApplied = false,
        },
        RedisConnectionException { FailureType: ConnectionFailureType.Loading } => new LockStoreException(
            $"{server} is still loading its data ({step}).", isTransient: true, exception)
        {
            MayHaveBeenApplied = false,
        },
        RedisConnectionException connection => new LockStoreException(
            $"The connection to {server} failed ({step}): {connection.FailureType}.", isTransient: true, exception)
        {
            // Nothing was sent where there was no connection to send it on.
            MayHaveBeenApplied = connection.FailureType is not ConnectionFailureType.UnableToResolvePhysicalConnection,
        },
        RedisCommandException command => Refused($"The Redis client refused the request ({step}): {command.Message}", command),
        TimeoutException => new LockStoreException($"{server} did not answer in time ({step}).", isTransient: true, exception),
        ObjectDisposedException => Refused($"The connection to {server} has been disposed ({step}).", exception),
        SocketException or IOException => new LockStoreException($"The connection to {server} failed ({step}).", isTransient: true, exception),
        _ => new LockStoreException($"The request to {server} failed ({step}): {exception.GetType().Name}.", isTransient: true, exception),
    };

    /// <summary>A first connection that was refused for its password carries the reason in its text alone.</summary>
    private static bool IsAuthentication(RedisConnectionException exception) =>
        exception.FailureType == ConnectionFailureType.AuthenticationFailure ||
        exception.Message.Contains(nameof(ConnectionFailureType.AuthenticationFailure), StringComparison.Ordinal);

    private static LockStoreException WrapRefusal(RedisServerException refusal, string step, string server)
    {
        foreach (var (code, transient, hint) in Refusals)
        {
            if (refusal.Message.Contains(code, StringComparison.OrdinalIgnoreCase))
                return new LockStoreException($"{server} {hint} ({step}).", transient, refusal) { MayHaveBeenApplied = false };
        }

        return new LockStoreException($"{server} refused the request ({step}): {refusal.Message}", isTransient: false, refusal);
    }

    private static LockStoreException Refused(string message, Exception exception) =>
        new(message, isTransient: false, exception) { MayHaveBeenApplied = false };

    /// <summary>What servers answer when they will not do a step. All of these come before the step's first write.</summary>
    private static readonly (string Code, bool IsTransient, string Hint)[] Refusals =
    [
        ("LOADING ", true, "is still loading its data"),
        ("READONLY ", true, "is a replica now and takes no writes; the master has moved"),
        ("MASTERDOWN ", true, "is a replica that has lost its master"),
        ("NOREPLICAS ", true, "has too few replicas for its own min-replicas-to-write"),
        ("CLUSTERDOWN ", true, "is part of a cluster that is down"),
        ("TRYAGAIN ", true, "is moving the key's slot"),
        ("MOVED ", true, "says that the key's slot has moved"),
        ("ASK ", true, "says that the key's slot is moving"),
        ("BUSY ", true, "is busy with another script"),
        ("OOM ", true, "has reached its maxmemory and takes no new keys; raise maxmemory or free memory"),
        ("MISCONF ", false, "cannot save its data to disk and takes no writes; look at the server's log"),
        ("CROSSSLOT", false, "is a cluster, and the key cannot share a slot with its companions"),
        ("NOAUTH", false, "wants a password; set connection.password"),
        ("WRONGPASS", false, "refused the user name or password; set connection.username and connection.password to what the server has"),
        ("invalid password", false, "refused the password; set connection.password to what the server has"),
        ("non deterministic commands", false, "is older than Redis 5, which the lock's scripts need"),
        ("NOPERM", false, "does not let this user run the lock's scripts; it needs EVALSHA, EVAL, the data commands and the channel"),
    ];
}
