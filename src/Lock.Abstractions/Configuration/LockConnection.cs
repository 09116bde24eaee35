using System.Text;

namespace Locking;

/// <summary>How to reach a backend. What a backend does not use must be left null.</summary>
public sealed record LockConnection
{
    /// <summary>Which table of the process: locks with the same name and clock exclude each other. Default one for all. Backend inMemory.</summary>
    public string? Name { get; init; }

    /// <summary>Whether to have a table of one's own, that excludes nobody else. Default false. Backend inMemory.</summary>
    public bool? Isolated { get; init; }

    /// <summary>Host name or address. Default 127.0.0.1. Backends redis, broker, mongo.</summary>
    public string? Host { get; init; }

    /// <summary>TCP port, 1 to 65535. Default 6379 (redis), 6970 (broker), 27017 (mongo).</summary>
    public int? Port
    {
        get;
        init => field = value is null or (>= 1 and <= 65535)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Port), value, "Port must be from 1 to 65535.");
    }

    /// <summary>Path of a Unix domain socket. Backend broker; redis where the client version can.</summary>
    public string? Path { get; init; }

    /// <summary>The address as one string: <c>redis://</c>, <c>rediss://</c>, <c>mongodb://</c>, or the driver's own form. May hold a secret.</summary>
    public string? Url { get; init; }

    /// <summary>User name, where the backend has them.</summary>
    public string? Username { get; init; }

    /// <summary>Password. A secret: never shown.</summary>
    public string? Password { get; init; }

    /// <summary>Whether to speak TLS. Default false, or as the URL says.</summary>
    public bool? Tls { get; init; }

    /// <summary>Database number, not negative. Default 0. Backend redis.</summary>
    public int? Db { get; init => field = OptionRules.AtLeast(value, 0, nameof(Db)); }

    /// <summary>Limit of connecting. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; init => field = OptionRules.Positive(value, nameof(ConnectTimeout)); }

    /// <summary>Limit of one request to the backend. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; init => field = OptionRules.Positive(value, nameof(CommandTimeout)); }

    /// <summary>TCP_NODELAY. Default true.</summary>
    public bool? NoDelay { get; init; }

    /// <summary>The independent servers of a quorum. Backend redLock.</summary>
    public IReadOnlyList<LockConnection>? Endpoints { get; init; }

    /// <summary>Database name. Default <c>locks</c>. Backend mongo.</summary>
    public string? Database { get; init; }

    /// <summary>Collection name. Default <c>locks</c>. Backend mongo.</summary>
    public string? Collection { get; init; }

    /// <summary>Write concern. Default <c>majority</c>. Backend mongo.</summary>
    public string? WriteConcern { get; init; }

    /// <summary>Whether to start a broker when nothing listens. Default false. Backend broker.</summary>
    public bool? Launch { get; init; }

    /// <summary>Shared secret. Never shown. Backend broker.</summary>
    public string? Secret { get; init; }

    /// <summary>The connection without its secrets.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("LockConnection { ");
        if (Path is not null)
            text.Append("Path = ").Append(Path).Append(", ");
        if (Host is not null || Port is not null)
            text.Append("Host = ").Append(Host).Append(", Port = ").Append(Port).Append(", ");
        if (Url is not null)
            text.Append("Url = (hidden), ");
        if (Endpoints is not null)
            text.Append("Endpoints = ").Append(Endpoints.Count).Append(", ");
        return text.Append('}').ToString();
    }
}
