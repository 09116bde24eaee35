using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using MongoDB.Driver;
using MongoDB.Driver.Core.Clusters;
using MongoDB.Driver.Core.Servers;

namespace Locking;

/// <summary>What the driver's own description of the servers says: whether one takes writes, what is wrong with each, and whether waiting
/// can help.</summary>
internal sealed class MongoServers(MongoTarget target)
{
    /// <summary>MongoDB 4.4: expressions in the <c>fields</c> of findAndModify.</summary>
    private const int LeastWireVersion = 9;

    private readonly ConcurrentDictionary<string, string> _strangers = new();
    private readonly TlsProbe _tls = new(target.UsesTls, target.ConnectTimeout);
    private ClusterDescription? _seen;
    private bool _seenReady;
    private volatile bool _hasAnswered;

    /// <summary>A reply has come from a server: from now on, a name that DNS does not know is taken for a fault of DNS that
    /// passes.</summary>
    public void HasAnswered() => _hasAnswered = true;

    /// <summary>A server has said something about itself. The driver forgets one that belongs to another replica set.</summary>
    public void Saw(ServerDescription server)
    {
        string name = Name(server.EndPoint);
        if (server.State == ServerState.Connected && Problem(server) is { IsHopeless: true, Text: { } text }) _strangers[name] = text;
        else if (server.State == ServerState.Connected) _strangers.TryRemove(name, out _);
    }

    /// <summary>Some server takes writes, as far as is known.</summary>
    public bool IsReady(ClusterDescription description)
    {
        if (ReferenceEquals(Volatile.Read(ref _seen), description)) return Volatile.Read(ref _seenReady);
        bool ready = description.Servers.Any(server => TakesWrites(server) && Problem(server).Text is null);
        // In this order: who sees the description sees what belongs to it, or a newer answer, which is as good.
        Volatile.Write(ref _seenReady, ready);
        Volatile.Write(ref _seen, description);
        return ready;
    }

    /// <summary>What is wrong.</summary>
    /// <param name="description">The driver's description.</param>
    /// <returns>Words, and whether waiting cannot help.</returns>
    public (string Text, bool IsHopeless) Judge(ClusterDescription description)
    {
        if (description.Servers.Count == 0) return JudgeNone(description);
        List<(string? Text, bool IsHopeless)> all = [.. description.Servers.Select(Problem)];
        string text = string.Join("; ", all.Select(one => one.Text).Where(one => one is not null));
        return (text.Length > 0 ? text : $"{target} did not answer in time", all.All(one => one.IsHopeless));
    }

    private static bool TakesWrites(ServerDescription server) =>
        server is { State: ServerState.Connected,
            Type: ServerType.Standalone or ServerType.ReplicaSetPrimary or ServerType.ShardRouter or ServerType.LoadBalanced };

    /// <summary>What is wrong with one server; null: nothing.</summary>
    public (string? Text, bool IsHopeless) Problem(ServerDescription server)
    {
        string name = Name(server.EndPoint);
        if (server.HeartbeatException is { } failure)
        {
            (string Text, bool IsHopeless) why = Explain(name, failure);
            if (why.IsHopeless || target.IsLent || Find<IOException>(failure) is null || !_tls.IsOtherWay(server.EndPoint, failure))
                return why;
            return (target.UsesTls
                ? $"{name} does not use TLS, and this side does: switch it on there, or leave connection.tls (or tls=true in the URI) out"
                : $"{name} uses TLS, and this side does not: set connection.tls (or tls=true in the URI)", true);
        }

        if (server.State != ServerState.Connected && server.ReplicaSetConfig is null)
            return ($"{name} did not answer in time{TlsHint()}", false);
        if (target.ReplicaSet is { } wanted && server.Type is not (ServerType.LoadBalanced or ServerType.ShardRouter)
            && server.ReplicaSetConfig?.Name != wanted)
        {
            // A member that starts, or whose set is not initiated yet, has no name to say.
            return server.Type == ServerType.ReplicaSetGhost
                ? ($"{name} belongs to a replica set that is not initiated", false)
                : ($"{name} belongs to {(server.ReplicaSetConfig?.Name is { } other ? $"the replica set '{other}'" : "no replica set")}; "
                    + $"replicaSet says '{wanted}'", true);
        }

        if (server.State != ServerState.Connected) return ($"{name} did not answer in time{TlsHint()}", false);
        if (server.Type != ServerType.LoadBalanced && server.WireVersionRange is { } versions && versions.Max < LeastWireVersion)
            return ($"{name} has the wire version {versions.Max}; at least {LeastWireVersion} (MongoDB 4.4) is needed", true);
        return TakesWrites(server) ? (null, false) : ($"{name} does not take writes (a secondary, or no primary is elected)", false);
    }

    public static string Name(EndPoint endPoint) => endPoint switch
    {
        DnsEndPoint dns => dns.Host.Contains(':', StringComparison.Ordinal) ? $"[{dns.Host}]:{dns.Port}" : $"{dns.Host}:{dns.Port}",
        _ => endPoint.ToString() ?? "",
    };

    /// <summary>What a failure to connect means.</summary>
    /// <param name="name">The server.</param>
    /// <param name="failure">What the driver says.</param>
    public (string Text, bool IsHopeless) Explain(string name, Exception failure)
    {
        string last = Innermost(failure).Message.TrimEnd('.');
        if (Find<SocketException>(failure) is
            { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } dns)
        {
            // TryAgain: the resolver itself did not answer.
            return ($"Cannot connect to {name}: DNS does not know the name ({dns.Message}). Check the host in the configuration, and this "
                + "machine's DNS", !_hasAnswered && dns.SocketErrorCode != SocketError.TryAgain);
        }

        if (Find<SocketException>(failure) is { } socket && Find<TimeoutException>(failure) is null)
            return ($"Cannot connect to {name}: {socket.Message}", false);
        // Nobody's certificate heals by waiting; a connection that was cut may.
        if (Find<AuthenticationException>(failure) is { } tls)
            return ($"TLS with {name} failed: "
                + $"{tls.Message.TrimEnd('.')}{(tls.InnerException is null ? "" : $" ({tls.InnerException.Message.TrimEnd('.')})")}. "
                + "Check that the server uses TLS, and tlsCAFile and the host name", true);
        if (Find<MongoIncompatibleDriverException>(failure) is not null) return ($"{name} is too old: {last}", true);
        if (Find<TimeoutException>(failure) is not null || failure is OperationCanceledException)
            return ($"{name} did not finish connecting within connectTimeout ({target.ConnectTimeout.TotalMilliseconds:0} ms){TlsHint()}",
                false);
        if (Find<MongoCommandException>(failure) is { } refused)
            return ($"{name} refuses the greeting: {refused.Message} (code {refused.Code})", false);
        string hint = target.UsesTls ? TlsHint() : ". If the server expects TLS, set connection.tls (or tls=true in the URI)";
        return ($"{name} broke off the greeting: {last}. Is this a MongoDB server?{hint.TrimStart('.')}", false);
    }

    private string TlsHint() => target.UsesTls ? " (TLS is on: does the server use it?)" : "";

    private (string Text, bool IsHopeless) JudgeNone(ClusterDescription description)
    {
        if (description.DnsMonitorException is { } dns)
            return ($"DNS does not say where the servers of {target} are (connection.url is a mongodb+srv URI): {dns.Message}",
                !_hasAnswered);
        if (!_strangers.IsEmpty) return (string.Join("; ", _strangers.Values), true);
        return target.ReplicaSet is { } set
            ? ($"no server at {target} belongs to the replica set '{set}', as replicaSet says", true)
            : ($"no server is known at {target}", false);
    }

    private static Exception Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner) exception = inner;
        return exception;
    }

    public static T? Find<T>(Exception? exception)
        where T : Exception
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is T found) return found;
        }

        return null;
    }
}
