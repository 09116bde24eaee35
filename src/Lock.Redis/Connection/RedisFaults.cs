using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking;

/// <summary>Turns what the client throws into the seam's one exception: whether it may pass, and whether the step may have been
/// done.</summary>
internal static class RedisFaults
{
    /// <summary>Whose steps are refused once it is disposed of: the store, however far down that is noticed.</summary>
    private const string Store = nameof(Locking) + "." + nameof(RedisLockStore);

    /// <summary>The store was disposed.</summary>
    public static ObjectDisposedException Disposed() => new(Store);

    /// <summary>Whether a server says that it does not know a script by its hash.</summary>
    public static bool IsUnknownScript(Exception exception) =>
        exception is RedisServerException server && server.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal);

    /// <summary>Whether the client may be looking for the master in the wrong place: what it asked is a replica now, it knows of no master,
    /// or, where there are several servers, the one that it asks is silent or gone. Newer versions look for themselves only once a
    /// minute.</summary>
    public static bool HasLostTheMaster(Exception exception, IConnectionMultiplexer client) => exception switch
    {
        RedisServerException refusal => refusal.Message.Contains("READONLY", StringComparison.Ordinal),
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToResolvePhysicalConnection } => true,
        RedisConnectionException or TimeoutException => client.GetEndPoints().Length > 1,
        _ => false,
    };

    /// <summary>Whether a server does not let this user do something: with a key, a command, or a channel.</summary>
    public static bool IsForbidden(Exception exception) =>
        exception is RedisServerException refusal &&
            s_forbidden.Any(words => refusal.Message.Contains(words, StringComparison.OrdinalIgnoreCase));

    /// <summary>The seam's exception for a fault of the client.</summary>
    /// <param name="exception">What the client threw.</param>
    /// <param name="step">What was asked.</param>
    /// <param name="server">The server, for the message.</param>
    /// <param name="client">The client, where there is one: it knows the roles of its servers.</param>
    public static LockStoreException Wrap(Exception exception, string step, string server, IConnectionMultiplexer? client = null) =>
        exception switch
    {
        LockStoreException known => known,
        RedisServerException refusal => WrapRefusal(refusal, step, server),
        RedisConnectionException or RedisTimeoutException
            when Cause(exception) is { } cause && WrapCause(cause, exception, step, server) is { } told => told,
        RedisConnectionException refused when AuthenticationCode(refused) is { } code => WrapRefusal(code, refused, step, server)!,
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToConnect } connection => Passing(
            $"{server} cannot be reached ({step}): is it up, and are host, port and connection.tls right?", connection),
        RedisConnectionException { FailureType: ConnectionFailureType.Loading } connection => Passing(
            $"{server} is still loading its data ({step}).", connection),
        RedisConnectionException connection when IsReplicaOnly(connection, client) => Passing(
            $"{server} is a replica and takes no writes ({step}): name the master, or let Sentinel name it (serviceName=… in " +
            "connection.url).", connection),
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToResolvePhysicalConnection } connection => Passing(
            $"There is no connection to {server} just now ({step}).", connection),
        RedisConnectionException connection =>
            Passing($"The connection to {server} failed ({step}): {connection.FailureType}.", connection),
        RedisTimeoutException timeout => new LockStoreException($"{server} did not answer in time ({step}).", isTransient: true, timeout)
        {
            MayHaveBeenApplied = !WasNeverSent(timeout.Commandstatus),
        },
        RedisCommandException command => Refused($"The Redis client refused the request ({step}): {command.Message}", command),
        TimeoutException => new LockStoreException($"{server} did not answer in time ({step}).", isTransient: true, exception),
        ObjectDisposedException => Refused($"The connection to {server} has been disposed ({step}).", exception),
        SocketException or IOException =>
            new LockStoreException($"The connection to {server} failed ({step}).", isTransient: true, exception),
        _ => new LockStoreException($"The request to {server} failed ({step}): {exception.GetType().Name}.", isTransient: true, exception),
    };

    /// <summary>What the system, or the server, said below the client's own exceptions.</summary>
    private static Exception? Cause(Exception exception)
    {
        for (Exception? inner = exception.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException or RedisServerException)
                return inner;
        }

        return null;
    }

    private static LockStoreException? WrapCause(Exception cause, Exception exception, string step, string server) => cause switch
    {
        RedisServerException refusal when IsForbidden(refusal) => Refused(
            $"{server} does not let this user connect ({step}): {refusal.Message}. Connecting takes PING, ECHO, CLIENT and INFO; " +
            "docs/redis.md has the whole ACL line.", exception),
        RedisServerException refusal => WrapRefusal(refusal, step, server),
        SocketException
        {
            SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData or SocketError.NoRecovery,
        } => NotSent(
            $"{server} cannot be reached ({step}): its host name cannot be resolved (DNS). Is the name right, and does this machine's " +
            "resolver know it?", exception),
        // What the system says of a socket's path that is not there, or where nobody listens.
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable or SocketError.ConnectionRefused } refused => NotSent(
            $"{server} cannot be reached ({step}): {Lower(refused.Message)}. Is it up, and are host, port or path right?", exception),
        _ => null,
    };

    private static string Lower(string text) => text.Length == 0 ? text : char.ToLowerInvariant(text[0]) + text[1..].TrimEnd('.');

    private static LockStoreException Passing(string message, RedisConnectionException exception) =>
        new(message, isTransient: true, exception)
    {
        // Nothing was sent where there was no connection to send it on.
        MayHaveBeenApplied = exception.FailureType is not (
            ConnectionFailureType.UnableToResolvePhysicalConnection or ConnectionFailureType.UnableToConnect
            or ConnectionFailureType.Loading) &&
            !WasNeverSent(exception.CommandStatus),
    };

    private static LockStoreException NotSent(string message, Exception exception) =>
        new(message, isTransient: true, exception) { MayHaveBeenApplied = false };

    private static bool WasNeverSent(CommandStatus status) => status is CommandStatus.WaitingToBeSent or CommandStatus.WaitingInBacklog;

    private static bool IsReplicaOnly(RedisConnectionException exception, IConnectionMultiplexer? client)
    {
        if (client is null || exception.FailureType != ConnectionFailureType.UnableToResolvePhysicalConnection)
            return false;
        IServer[] servers = Array.FindAll(client.GetServers(), static server => server.IsConnected);
        return servers.Length > 0 && Array.TrueForAll(servers, static server => server.IsReplica);
    }

    /// <summary>A connection that was refused for its password carries the reason in its text, or in that of what is inside,
    /// alone.</summary>
    private static string? AuthenticationCode(RedisConnectionException exception)
    {
        // The name or the password that were refused say more than that others are wanted, which comes of it.
        foreach (string code in (string[])["WRONGPASS", "invalid password", "without any password configured", "NOAUTH"])
        {
            for (Exception? inner = exception; inner is not null; inner = inner.InnerException)
            {
                if (inner.Message.Contains(code, StringComparison.OrdinalIgnoreCase))
                    return code;
            }
        }

        return null;
    }

    private static LockStoreException WrapRefusal(RedisServerException refusal, string step, string server)
    {
        if (IsForbidden(refusal))
        {
            return new LockStoreException(
                $"{server} does not let this user do that ({step}): {refusal.Message}. docs/redis.md has the ACL line that locks " +
                "need.", isTransient: false, refusal)
            {
                // Refused as a whole, or in the middle of a script, whose earlier writes stand.
                MayHaveBeenApplied = !refusal.Message.Contains("NOPERM", StringComparison.Ordinal) ||
                    refusal.Message.Contains("script", StringComparison.Ordinal),
            };
        }

        if (refusal.Message.IndexOf(BadCounter, StringComparison.Ordinal) is var at and >= 0)
        {
            return Refused(
                $"{server} has something else than a number below 2^53 where the tokens are counted ({step}): " +
                $"{refusal.Message[(at + BadCounter.Length)..]}. " +
                "Remove that key: tokens then go on from the server's clock.", refusal);
        }

        return WrapRefusal(refusal.Message, refusal, step, server)
            ?? new LockStoreException($"{server} refused the request ({step}): {refusal.Message}", isTransient: false, refusal);
    }

    private static LockStoreException? WrapRefusal(string says, Exception exception, string step, string server)
    {
        foreach ((string? code, bool transient, string? hint) in s_refusals)
        {
            if (says.Contains(code, StringComparison.OrdinalIgnoreCase))
                return new LockStoreException($"{server} {hint} ({step}).", transient, exception) { MayHaveBeenApplied = false };
        }

        return null;
    }

    private static LockStoreException Refused(string message, Exception exception) =>
        new(message, isTransient: false, exception) { MayHaveBeenApplied = false };

    /// <summary>How the scripts name a counter that is none (native-acquire.lua).</summary>
    private const string BadCounter = "LOCKCOUNTER ";

    /// <summary>How servers refuse a user: a command of its own, and within a script in the words of Redis 7.0 and of later ones.</summary>
    private static readonly string[] s_forbidden = ["NOPERM", "The user executing the script can't", "ACL failure in script"];

    /// <summary>What servers answer when they will not do a step. All of these come before the step's first write.</summary>
    private static readonly (string Code, bool IsTransient, string Hint)[] s_refusals =
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
        ("without any password configured", false,
            "asks for no password, and connection.password gives one: leave it out, or give the server one (requirepass)"),
    ];
}
