using System.Globalization;
using System.Net;

namespace Locking;

/// <summary>Puts what is known of a server and a collection into words. The codes are listed in docs/mongo.md.</summary>
internal sealed class MongoDiagnosis(MongoStoreSettings settings)
{
    /// <summary>MongoDB 4.4: what the commands need.</summary>
    private const int LeastWireVersion = 9;

    /// <summary>Clocks that differ by less are as good as clocks of several machines are.</summary>
    private static readonly TimeSpan s_noticeableClock = TimeSpan.FromSeconds(1);

    private readonly List<StoreFinding> _findings = [];

    public IReadOnlyList<StoreFinding> Findings => _findings;

    private string Collection => $"{settings.Database}.{settings.Collection}";

    public void AddNote(string code, string text) => _findings.Add(new StoreFinding(code, IsWarning: false, text));

    public void AddServer(MongoServerFacts server)
    {
        if (server.WireVersion < LeastWireVersion)
            Warn("old-server",
                string.Create(CultureInfo.InvariantCulture,
                $"The server speaks wire version {server.WireVersion}; {LeastWireVersion} (MongoDB 4.4) is needed. Locks will be refused "
                + $"with errors."));
        if (!server.IsWritable)
            Warn("not-primary",
                "The server that the commands go to does not take writes: it is a secondary, or its set has no primary. Name all members "
                + "of the set, or leave directConnection out.");
        if (server.IsStandalone)
        {
            Warn("standalone",
                "The server is a standalone: there is no majority that could confirm a grant, and after a crash it may have forgotten the "
                + "last tenths of a second, so that a lock "
                + "may be granted twice. Run a replica set; one of a single member already confirms only what is in its journal.");
        }
        else if (IsWeak(server))
        {
            Warn("weak-write-concern",
                $"connection.writeConcern is {settings.WriteConcern}, less than a majority of the members: a change of the primary may "
                + "forget a grant and give the lock to "
                + "somebody else. Use majority (the default).");
        }
    }

    /// <summary>How this side connects.</summary>
    public void AddConnection()
    {
        if (settings.Target is not { } target || target.Hosts.All(IsLocal)) return;
        if (!target.UsesTls)
            Warn("unencrypted-network",
                "The connection to another machine is not encrypted: who can listen on the network sees keys and ids, and may change what "
                + "is sent. Use tls=true.");
        else if (target.TrustsAnybody)
            Warn("unverified-server",
                "The server's certificate is not fully checked (tlsInsecure, tlsAllowInvalidCertificates or tlsAllowInvalidHostnames): "
                + "anybody on the way may answer in its place. Use tlsCAFile.");
        if (target.Username is null && !target.ShowsCertificate)
            Warn("open-network",
                "The server on another machine asks for no user: everybody who can reach it can take and break locks. Switch its "
                + "authentication on.");
    }

    public void AddMembers(IReadOnlyList<MongoMember> members)
    {
        foreach (MongoMember member in members.Where(one => one.Problem is not null))
            Warn("member-not-reachable",
                $"A member does not answer: {member.Problem}. Locks go on while a majority does; this machine may not find the primary "
                + "when it changes.");
        List<MongoMember> clocks = [.. members.Where(one => one.ClockOffset is not null).OrderBy(one => one.ClockOffset)];
        if (clocks.Count < 2) return;
        (MongoMember slow, MongoMember fast) = (clocks[0], clocks[^1]);
        TimeSpan apart = fast.ClockOffset!.Value - slow.ClockOffset!.Value;
        if (apart - fast.Uncertainty - slow.Uncertainty <= s_noticeableClock) return;
        Warn("clocks-differ",
            $"The clocks of {slow.Name} and {fast.Name} are {Seconds(apart)} apart: when the primary changes, leases end so much sooner "
            + "or later than their holders believe, "
            + "and a lock may be granted twice. Keep the members' clocks in step (NTP).");
    }

    public void AddIndexes(IReadOnlyList<MongoIndexFact> indexes)
    {
        foreach (MongoIndexFact index in indexes.Where(one => one is { IsUnique: true } && one.Fields is not ["_id"]))
            Warn("unique-index",
                $"The index '{index.Name}' of {Collection} is unique: locks that agree in {Fields(index)} exclude each other, or fail "
                + "with a duplicate key. Drop it.");
        foreach (MongoIndexFact index in indexes.Where(one => one is { ExpireAfter: not null, IsOnPurgeAt: false }))
        {
            Warn("foreign-ttl-index",
                $"The index '{index.Name}' of {Collection} removes documents by {Fields(index)}: a lock or its token's counter may go "
                + "before its time. Drop it; "
                + "lockOptions.fenceRetention says how long counters stay.");
        }

        if (indexes.Any(index => index.IsPurgeIndex)) return;
        if (indexes.FirstOrDefault(index => index.IsOnPurgeAt) is { } other)
        {
            string does = other.ExpireAfter is { } seconds
                ? string.Create(CultureInfo.InvariantCulture,
                $"removes counters {seconds} s late{(other.IsPartial ? ", and only some" : "")}") : "removes nothing";
            AddNote("other-purge-index",
                $"The index '{other.Name}' of {Collection} stands on purgeAt with other options, and {does}: old counters stay longer "
                + "than fenceRetention says. Locks are right all the same.");
        }
        else
        {
            AddNote("no-purge-index",
                $"{Collection} has no index that removes old token counters: one small document stays for every key ever used. The next "
                + "process that takes a lock makes the index "
                + $"{MongoPurgeIndex.Name}; its user needs the right to (role readWrite).");
        }
    }

    public void AddForeign(IReadOnlyList<MongoLockDocument> documents)
    {
        if (documents.Count == 0) return;
        string which = documents[0].Id.Length > 0 ? $", such as '{documents[0].Id}'" : "";
        Warn("foreign-documents",
            $"{Collection} holds documents that are no locks{which}: a key that meets one is refused with an error, and the program that "
            + "writes them may remove locks as well. "
            + "Choose another connection.collection, for locks alone.");
    }

    /// <summary>The server's clock against this machine's.</summary>
    public void AddClock(TimeSpan ahead, TimeSpan uncertainty)
    {
        if (ahead.Duration() - uncertainty <= s_noticeableClock) return;
        AddNote("clock-skew",
            $"The server's clock is {Seconds(ahead.Duration())} {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} this machine's. Leases "
            + "do not depend on it, since the server's clock alone decides; "
            + "times in logs do not agree.");
    }

    private void Warn(string code, string text) => _findings.Add(new StoreFinding(code, IsWarning: true, text));

    private bool IsWeak(MongoServerFacts server) =>
        int.TryParse(settings.WriteConcern, NumberStyles.None, CultureInfo.InvariantCulture, out int members)
            && (server.IsRouter || members < (server.Members / 2) + 1);

    /// <summary>A host with its port.</summary>
    private static bool IsLocal(string host)
    {
        string name = host.StartsWith('[') ? host[1..host.IndexOf(']', StringComparison.Ordinal)] : host.Split(':')[0];
        return name == "localhost" || (IPAddress.TryParse(name, out IPAddress? address) && IPAddress.IsLoopback(address));
    }

    private static string Fields(MongoIndexFact index) => string.Join(" and ", index.Fields);

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s");
}
