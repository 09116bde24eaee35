using System.Globalization;

namespace Locking;

/// <summary>Puts what is known of the nodes of a quorum into words.</summary>
internal static class QuorumDiagnosis
{
    /// <summary>What to say of them.</summary>
    /// <param name="nodes">What was found out.</param>
    /// <param name="quorum">How many a lease needs.</param>
    /// <param name="nodeTimeout">The limit of one node's vote with the configured ttl.</param>
    public static IReadOnlyList<StoreFinding> Of(IReadOnlyList<NodeReport> nodes, int quorum, TimeSpan nodeTimeout)
    {
        var findings = new List<StoreFinding>();
        List<ServerFacts> servers = nodes
            .Where(static node => node.Server is not null).Select(static node => node.Server! with { Name = node.Name }).ToList();
        AddTwins(findings, nodes);
        AddVoters(findings, nodes, quorum);
        foreach (ServerFacts server in servers)
        {
            ServerDiagnosis.AddMemory(findings, server);
            ServerDiagnosis.AddVersion(findings, server);
        }

        AddPersistence(findings, servers, quorum);
        AddClocks(findings, servers);
        AddSlowness(findings, servers, nodeTimeout);
        foreach (NodeReport node in nodes)
            RedisDiagnosis.AddNetwork(findings, node.Connector);
        AddVersions(findings, servers);
        RedisDiagnosis.AddHidden(findings, servers);
        AddSize(findings, nodes.Count, quorum);
        findings.AddRange(nodes.Select(static node => new StoreFinding(
            "server", false, node.Server is { } server ? ServerDiagnosis.Describe(server) : $"{node.Name}: does not answer.")));
        return findings;
    }

    /// <summary>One server under two names has two votes.</summary>
    private static void AddTwins(List<StoreFinding> findings, IReadOnlyList<NodeReport> nodes)
    {
        IEnumerable<IGrouping<string?, NodeReport>> byRunId = nodes
            .Where(static node => node.Server?.RunId is not null).GroupBy(static node => node.Server!.RunId);
        foreach (IGrouping<string?, NodeReport> twins in byRunId.Where(static group => group.Count() > 1))
        {
            findings.Add(new StoreFinding("same-server-twice", true,
                $"{Names(twins)} are one and the same server: it would vote more than once, so all but one of them are "
                + "left out. Name independent servers in connection.endpoints."));
        }
    }

    private static void AddVoters(List<StoreFinding> findings, IReadOnlyList<NodeReport> nodes, int quorum)
    {
        List<NodeReport> down = nodes.Where(static node => node.Server is null).ToList();
        List<NodeReport> abstaining = nodes.Where(static node => node.AbstainsFor is not null).ToList();
        // Where nobody is noted the quorum is new.
        bool isUsed = nodes.Any(static node => node.Life is { IsNoted: true });
        List<NodeReport> forgetful = nodes.Where(node => isUsed && node.Life is { IsNoted: false }).ToList();
        int voting = nodes.Count - down.Count - abstaining.Count - forgetful.Count;
        string left = voting < quorum ? "Nothing is granted until there are more"
            : voting == quorum ? "Not one more may fail" : string.Create(CultureInfo.InvariantCulture, $"{voting - quorum} more may fail");
        foreach (NodeReport node in down)
        {
            findings.Add(new StoreFinding("node-down", true, string.Create(CultureInfo.InvariantCulture,
                $"{node.Name} does not answer: {voting} of {nodes.Count} nodes vote, {quorum} are needed. {left}. ({node.Fault})")));
        }

        foreach (NodeReport node in forgetful)
        {
            findings.Add(new StoreFinding("node-abstains", true, string.Create(CultureInfo.InvariantCulture,
                $"{node.Name} has restarted without its data, or was flushed, and does not vote: the next acquire finds out for how " +
                $"long, provided that enough of the other nodes ")
                + string.Create(
                    CultureInfo.InvariantCulture, $"answer: {voting} of {nodes.Count} nodes vote, {quorum} are needed. {left}.")));
        }

        foreach (NodeReport node in abstaining)
        {
            findings.Add(new StoreFinding("node-abstains", true, string.Create(CultureInfo.InvariantCulture,
                $"{node.Name} has restarted, or was flushed, and does not vote for another {node.AbstainsFor!.Value.TotalSeconds:0.0} s, " +
                $"until no lease that it may have ")
                + string.Create(
                    CultureInfo.InvariantCulture,
                    $"forgotten can live any more: {voting} of {nodes.Count} nodes vote, {quorum} are needed. {left}.")));
        }
    }

    /// <summary>A node that comes back empty waits, so its persistence is no condition; but a majority that forgets at once forgets the
    /// lock.</summary>
    private static void AddPersistence(List<StoreFinding> findings, List<ServerFacts> servers, int quorum)
    {
        List<ServerFacts> forgetful = servers.Where(static server => server is { AppendsToFile: false, SavesSnapshots: false }).ToList();
        if (forgetful.Count >= quorum)
        {
            findings.Add(new StoreFinding("no-persistence", true,
                $"{Names(forgetful)} save nothing: should a majority restart at once (a power cut), all locks are forgotten, and a "
                + "process that starts then may get one that is still held. Set appendonly yes, or run the nodes where no one event "
                + "reaches a majority."));
        }
    }

    private static void AddClocks(List<StoreFinding> findings, List<ServerFacts> servers)
    {
        List<ServerFacts> offsets = servers
            .Where(static server => server.ClockOffset is not null).OrderBy(static server => server.ClockOffset).ToList();
        if (offsets.Count < 2)
            return;
        TimeSpan apart = offsets[^1].ClockOffset!.Value - offsets[0].ClockOffset!.Value;
        if (apart <= TimeSpan.FromSeconds(1))
            return;
        // Tokens are agreed on all the same; a clock that will be set by a step is what harms leases.
        findings.Add(new StoreFinding("clocks-differ", apart > TimeSpan.FromSeconds(5), string.Create(CultureInfo.InvariantCulture,
            $"The clock of {offsets[^1].Name} is {apart.TotalSeconds:0.0} s ahead of that of {offsets[0].Name}. Tokens rise all the " +
            $"same, but when a clock is set by a step, that ")
            + "node's leases end too early or too late. Keep the clocks by NTP, slewing and never stepping."));
    }

    private static void AddSlowness(List<StoreFinding> findings, List<ServerFacts> servers, TimeSpan nodeTimeout)
    {
        foreach (ServerFacts server in servers)
        {
            if (server.RoundTrip > nodeTimeout)
            {
                findings.Add(new StoreFinding("slow-node", true, string.Create(CultureInfo.InvariantCulture,
                    $"{server.Name} took {server.RoundTrip.Value.TotalMilliseconds:0} ms for a short request; a vote is waited for " +
                    $"{nodeTimeout.TotalMilliseconds:0} ms (lockOptions.nodeTimeout), ")
                    + "so that it mostly counts as silent. Find out why, or raise nodeTimeout."));
            }
        }
    }

    private static void AddVersions(List<StoreFinding> findings, List<ServerFacts> servers)
    {
        List<string> versions = servers
            .Where(static server => server.Version is not null).Select(static server => $"{server.Product} {server.Version}")
            .Distinct(StringComparer.Ordinal).ToList();
        if (versions.Count > 1)
            findings.Add(new StoreFinding("versions-differ", false,
                $"The nodes run different versions: {string.Join(", ", versions)}. That is fine for an update, one node after the other."));
    }

    private static void AddSize(List<StoreFinding> findings, int nodes, int quorum)
    {
        if (nodes == 1)
        {
            findings.Add(new StoreFinding(
                "one-node", false, "A quorum of one node: it is no safer than type redis, and slower. Three or five are usual."));
        }
        else if (nodes % 2 == 0)
        {
            findings.Add(new StoreFinding("even-nodes", false, string.Create(CultureInfo.InvariantCulture,
                $"{nodes} nodes with a quorum of {quorum}: {nodes - quorum} may fail, no more than of {nodes - 1}. An odd number costs " +
                $"less.")));
        }
    }

    private static string Names(IEnumerable<NodeReport> nodes) => string.Join(", ", nodes.Select(static node => node.Name));

    private static string Names(IEnumerable<ServerFacts> servers) => string.Join(", ", servers.Select(static server => server.Name));
}
