using System.Globalization;

namespace Locking;

/// <summary>Puts what is known of the servers of one store into words.</summary>
internal static class RedisDiagnosis
{
    /// <summary>What to say of them.</summary>
    /// <param name="connector">How they are reached; null where the application knows.</param>
    /// <param name="servers">What they told.</param>
    /// <param name="replicas">How many replicas a grant waits for.</param>
    public static IReadOnlyList<StoreFinding> Of(RedisConnector? connector, IReadOnlyList<ServerFacts> servers, int replicas)
    {
        var findings = new List<StoreFinding>();
        List<ServerFacts> masters = servers.Where(static server => server is { IsOpen: true, IsReplica: false }).ToList();
        foreach (ServerFacts server in masters)
        {
            ServerDiagnosis.AddMemory(findings, server);
            ServerDiagnosis.AddPersistence(findings, server);
            AddReplicas(findings, server, replicas);
            ServerDiagnosis.AddVersion(findings, server);
            ServerDiagnosis.AddClock(findings, server);
        }

        AddTopology(findings, servers, masters);
        if (connector is not null)
            AddNetwork(findings, connector);
        AddHidden(findings, servers);
        findings.AddRange(servers.Select(static server => new StoreFinding("server", false, ServerDiagnosis.Describe(server))));
        return findings;
    }

    /// <summary>How the servers are reached.</summary>
    public static void AddNetwork(List<StoreFinding> findings, RedisConnector connector)
    {
        if (connector.IsLocal)
            return;
        if (!connector.IsEncrypted)
        {
            findings.Add(new StoreFinding("unencrypted-network", true,
                $"{connector.Server} is on another machine, and the connection to it is not encrypted: "
                + "who can listen on the network sees keys, ids and the password. Use tls (or rediss://), a network that you trust, "
                + "or a tunnel."));
        }

        if (!connector.HasPassword)
        {
            findings.Add(new StoreFinding("open-network", true,
                $"{connector.Server} is on another machine and asks for no password: everybody who can reach the "
                + "port can take and break locks. Give it one (requirepass there, connection.password here)."));
        }
    }

    /// <summary>Servers that do not say how they are set up.</summary>
    public static void AddHidden(List<StoreFinding> findings, IReadOnlyList<ServerFacts> servers)
    {
        foreach (ServerFacts? server in servers.Where(static server => server is { Answers: true, IsOpen: false }))
        {
            findings.Add(new StoreFinding("server-facts-hidden", false,
                $"{server.Name} does not let this user ask how it is set up (INFO): eviction, persistence, "
                + "replicas and version were not looked at."));
        }
    }

    private static void AddReplicas(List<StoreFinding> findings, ServerFacts server, int wanted)
    {
        string has = string.Create(CultureInfo.InvariantCulture, $"{server.Replicas} replica{(server.Replicas == 1 ? "" : "s")}");
        if (server.Replicas < wanted)
        {
            findings.Add(new StoreFinding("replicas-missing", true, string.Create(CultureInfo.InvariantCulture,
                $"{server.Name} has {has}, and lockOptions.replicas wants {wanted} to confirm: nothing is granted until there are " +
                $"enough. Look at the replicas.")));
        }
        else if (server.Replicas > 0 && wanted == 0)
        {
            findings.Add(new StoreFinding("replicas-not-awaited", true,
                $"{server.Name} has {has}, and lockOptions.replicas is 0: a failover forgets the locks that the "
                + "replica has not heard of yet, and others get them. Set lockOptions.replicas to 1 or more, or refuse old fencing tokens "
                + "at what the lock protects."));
        }
        else if (server.Replicas > wanted)
        {
            findings.Add(new StoreFinding("replicas-partly-awaited", false, string.Create(CultureInfo.InvariantCulture,
                $"{server.Name} has {has}, and a grant waits for {wanted} of them: a failover must choose one that confirmed (Sentinel " +
                $"and Cluster prefer the most advanced).")));
        }
    }

    private static void AddTopology(List<StoreFinding> findings, IReadOnlyList<ServerFacts> servers, List<ServerFacts> masters)
    {
        bool cluster = masters.Exists(static server => server.IsCluster);
        if (!cluster && masters.Count > 1)
        {
            findings.Add(new StoreFinding("several-masters", true,
                $"{Names(masters)} are masters that know nothing of each other: one process may lock on one and the next "
                + "on another. Name one master with its replicas, or use type redLock."));
        }

        List<ServerFacts> silent = servers.Where(static server => !server.Answers).ToList();
        if (silent.Count > 0)
        {
            findings.Add(new StoreFinding("server-down", true, $"{Names(silent)} {(silent.Count == 1 ? "does" : "do")} not answer: "
                + (cluster
                    ? "keys of a slot whose master is down cannot be locked until a replica takes over."
                    : "there may be no replica left to take over.")));
        }

        if (!cluster)
            return;
        findings.Add(new StoreFinding("cluster", false, string.Create(CultureInfo.InvariantCulture,
            $"A Redis Cluster: {masters.Count} masters, {servers.Count(static server => server.IsReplica)} replicas. Keys with '}}' and " +
            $"no hash tag are refused; each lock stands on one master.")));
        List<ServerFacts> alone = masters.Where(static server => server.Replicas == 0).ToList();
        if (alone.Count > 0)
        {
            findings.Add(new StoreFinding("no-replicas", false,
                $"{Names(alone)} {(alone.Count == 1 ? "has" : "have")} no replica: while such a master is down its locks can "
                + "neither be taken nor renewed, and holders lose them when their leases end."));
        }
    }

    private static string Names(IEnumerable<ServerFacts> servers) => string.Join(", ", servers.Select(static server => server.Name));
}
