using System.Globalization;

namespace Locking;

/// <summary>Puts what is known of one server into words.</summary>
internal static class ServerDiagnosis
{
    private static readonly Version s_oldest = new(5, 0);

    /// <summary>Where the clocks are further apart than this, somebody will set one of them.</summary>
    private static readonly TimeSpan s_clocksApart = TimeSpan.FromSeconds(5);

    /// <summary>Eviction: whether the server drops locks when its memory is full.</summary>
    public static void AddMemory(List<StoreFinding> findings, ServerFacts server)
    {
        if (server.EvictionPolicy is { } policy && policy != "noeviction")
        {
            // Every other policy reaches locks: volatile-* the keys that have an expiry, which locks have, and allkeys-* all of them.
            string which = policy.StartsWith("volatile-", StringComparison.Ordinal)
                ? "keys with an expiry, which locks are"
                : "any key, locks too";
            findings.Add(server.MaxMemory > 0
                ? new StoreFinding("evicts-locks", true,
                    $"{server.Name} has the maxmemory-policy {policy}: when its memory is full it drops {which}, "
                    + "and another holder gets the lock. Set maxmemory-policy to noeviction, or give locks a server of their own.")
                : new StoreFinding("eviction-policy", false,
                    $"{server.Name} has the maxmemory-policy {policy}, but no maxmemory: as soon as somebody "
                    + $"sets one it drops {which}. Set maxmemory-policy to noeviction."));
        }
        else if (server.MaxMemory > 0 && server.UsedMemory > server.MaxMemory / 10 * 9)
        {
            findings.Add(new StoreFinding("memory-nearly-full", false, string.Create(CultureInfo.InvariantCulture,
                $"{server.Name} uses {100.0 * server.UsedMemory / server.MaxMemory:0} % of its maxmemory. When it is full it grants " +
                $"nothing more; leases that live are still renewed.")));
        }
    }

    /// <summary>What a restart of the server costs.</summary>
    public static void AddPersistence(List<StoreFinding> findings, ServerFacts server)
    {
        if (server.FailsToSave)
        {
            findings.Add(new StoreFinding("saving-fails", true,
                $"{server.Name} could not save its data the last time it tried. A restart forgets the locks "
                + "granted since then, and the server may refuse every write until it can save again. Look at its log."));
        }

        if (server.AppendsToFile is not { } appends)
            return;
        if (!appends)
        {
            findings.Add(server.SavesSnapshots is false
                ? new StoreFinding("no-persistence", true,
                    $"{server.Name} saves nothing: a restart forgets all locks, and the next contender gets a lock that "
                    + "is still held. Set appendonly yes (best with appendfsync always), or refuse old fencing tokens at what the "
                    + "lock protects: they rise all the same.")
                : new StoreFinding("snapshots-only", true,
                    $"{server.Name} saves {(server.SavesSnapshots is true ? "snapshots only" : "snapshots at most")}: a restart "
                    + "forgets the locks granted since the last one, and others get them. Set appendonly yes (best with appendfsync "
                    + "always), or refuse old fencing tokens at what the lock protects: they rise all the same."));
        }
        else if (server.AppendsWhen is "no")
        {
            findings.Add(new StoreFinding("saves-late", true,
                $"{server.Name} has appendfsync no: a crash of its machine forgets the locks of up to half a minute. "
                + "Set appendfsync to always, or at least everysec."));
        }
        else if (server.AppendsWhen is not "always")
        {
            findings.Add(new StoreFinding("saves-late", false,
                $"{server.Name} " +
                    $"{(server.AppendsWhen is null ? "does not tell its appendfsync; unless it is always," : "has appendfsync everysec:")} "
                + "a crash of its machine (not of the server alone) may forget the locks of the last second or two."));
        }
    }

    /// <summary>Whether the server has what the scripts use.</summary>
    public static void AddVersion(List<StoreFinding> findings, ServerFacts server)
    {
        if (server.Redis is { } version && version < s_oldest)
        {
            findings.Add(new StoreFinding("server-too-old", true,
                $"{server.Name} is {server.Product} {server.Version}. Locks need 5.0 or later: older servers replicate "
                + "scripts by running them again, so that clocks and replicas give other answers."));
        }
    }

    /// <summary>A clock that will be set ends leases early or late: a server counts expiries on it.</summary>
    public static void AddClock(List<StoreFinding> findings, ServerFacts server)
    {
        if (server.ClockOffset is { } offset && offset.Duration() > s_clocksApart)
        {
            findings.Add(new StoreFinding("clock-differs", true, string.Create(CultureInfo.InvariantCulture,
                $"The clock of {server.Name} is {offset.Duration().TotalSeconds:0} s {(offset > TimeSpan.Zero ? "ahead of" : "behind")} " +
                $"this machine's. One of them is wrong, and ")
                + "when the server's is set, leases end too early or too late. Keep the clocks by NTP, slewing and never stepping."));
        }
    }

    /// <summary>One line that says what it is.</summary>
    public static string Describe(ServerFacts server)
    {
        if (!server.Answers)
            return $"{server.Name}: does not answer.";
        if (!server.IsOpen)
            return $"{server.Name}: does not tell what it is.";
        string saves = server.AppendsToFile is true ? $"appendonly{(server.AppendsWhen is { } when ? $" (fsync {when})" : "")}"
            : server.SavesSnapshots is true ? "snapshots" : server.SavesSnapshots is false ? "saves nothing" : "snapshots at most";
        return string.Create(CultureInfo.InvariantCulture,
            $"{server.Product} {server.Version} at {server.Name}: " +
            $"{(server.IsReplica ? "replica" : "master")}{(server.IsCluster ? " of a cluster" : "")}, ")
            + string.Create(
                CultureInfo.InvariantCulture,
                $"{server.Replicas} replica{(server.Replicas == 1 ? "" : "s")}, {saves}, up for {Spoken(server.Uptime ?? TimeSpan.Zero)}.");
    }

    private static string Spoken(TimeSpan span) => span switch
    {
        { TotalDays: >= 2 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalDays:0} days"),
        { TotalHours: >= 2 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0} hours"),
        { TotalMinutes: >= 2 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMinutes:0} minutes"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0} s"),
    };
}
