using MongoDB.Driver;

namespace Locking;

/// <summary>Where commands go, and what is to be known of the way there: for limits, messages and the diagnosis. Holds no
/// password.</summary>
internal sealed record MongoTarget
{
    /// <summary>As they were configured: <c>host:port</c>, or the name that the DNS records of a <c>mongodb+srv</c> URI stand
    /// under.</summary>
    public required IReadOnlyList<string> Hosts { get; init; }

    /// <summary>The client is the application's: what is set there is not ours.</summary>
    public bool IsLent { get; init; }

    public string? Username { get; init; }

    /// <summary>The database that knows the user.</summary>
    public string AuthSource { get; init; } = "admin";

    /// <summary>Members must say that they belong to this set.</summary>
    public string? ReplicaSet { get; init; }

    public bool UsesTls { get; init; }

    /// <summary>With TLS: nobody looks at the server's certificate, or not at all of it.</summary>
    public bool TrustsAnybody { get; init; }

    public bool ShowsCertificate { get; init; }

    /// <summary>Limit of connecting to one server.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Limit of looking for a server that takes writes.</summary>
    public TimeSpan SelectionTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Limit of one command once it is sent; infinite is allowed.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For so long a step waits for its turn while nobody gets an answer; null: as long as a step may take.</summary>
    public TimeSpan? QueueTimeout { get; init; }

    /// <summary>Connections to one server at once.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>Limit of one step with all its repeats.</summary>
    public TimeSpan StepTimeout => SelectionTimeout == Timeout.InfiniteTimeSpan || CommandTimeout == Timeout.InfiniteTimeSpan
        ? Timeout.InfiniteTimeSpan
        : (ConnectTimeout > SelectionTimeout ? ConnectTimeout : SelectionTimeout) + CommandTimeout;

    /// <summary>What there is to know of a client of the application's.</summary>
    /// <param name="settings">The client's settings; null where a stand-in has none.</param>
    /// <param name="connectTimeout">The backend's own limits hold on top of what the client has.</param>
    /// <param name="commandTimeout">The same.</param>
    public static MongoTarget OfLent(MongoClientSettings? settings, TimeSpan connectTimeout, TimeSpan commandTimeout)
    {
        var target = new MongoTarget { Hosts = [], IsLent = true, ConnectTimeout = connectTimeout, SelectionTimeout = connectTimeout,
            CommandTimeout = commandTimeout };
        if (settings is null) return target;
        return target with
        {
            Hosts = [.. settings.Servers.Select(server => server.ToString())],
            Username = settings.Credential?.Username,
            AuthSource = settings.Credential?.Source ?? "admin",
            ReplicaSet = settings.ReplicaSetName,
            UsesTls = settings.UseTls,
            TrustsAnybody = settings.AllowInsecureTls,
            ShowsCertificate = settings.SslSettings?.ClientCertificates?.Any() == true,
            MaxConnections = settings.MaxConnectionPoolSize == 0 ? int.MaxValue : settings.MaxConnectionPoolSize,
        };
    }

    public override string ToString() => string.Join(", ", Hosts);
}
