namespace Locking;

/// <summary>All that the client can be told. The parser of <c>mongodb://</c> fills it, and so does the provider's own configuration.</summary>
internal sealed record MongoClientSettings
{
    /// <summary>One server, or some members of a replica set, or several mongos; at least one.</summary>
    public IReadOnlyList<MongoEndpoint> Hosts { get; init; } = [new MongoEndpoint("127.0.0.1", MongoEndpoint.DefaultPort)];

    public string? Username { get; init; }

    public string? Password { get; init; }

    /// <summary>The database that knows the user.</summary>
    public string AuthSource { get; init; } = "admin";

    /// <summary>The database named in the URI's path, if any.</summary>
    public string? Database { get; init; }

    /// <summary>Members must say that they belong to this set.</summary>
    public string? ReplicaSet { get; init; }

    /// <summary>Stay with the host given, even if it names a primary elsewhere.</summary>
    public bool DirectConnection { get; init; }

    /// <summary>Null: no TLS.</summary>
    public MongoTls? Tls { get; init; }

    /// <summary>Shown in the server's log.</summary>
    public string? AppName { get; init; }

    /// <summary>The write concern named in the URI (<c>w</c>): "majority", or a number of members.</summary>
    public string? WriteConcern { get; init; }

    /// <summary>Limit of connecting to one server, TLS and authentication included.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Limit of one command once it is sent; infinite is allowed.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Limit of looking for a server that takes writes.</summary>
    public TimeSpan ServerSelectionTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Limit of waiting for a free connection.</summary>
    public TimeSpan WaitQueueTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Connections to one server at once, at least 1.</summary>
    public int MaxPoolSize { get; init; } = 100;

    /// <summary>Connections that were idle longer are not used again.</summary>
    public TimeSpan MaxIdleTime { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Without the password: records print all their members otherwise.</summary>
    public override string ToString() => $"mongodb://{(Username is null ? "" : Username + ":***@")}{string.Join(',', Hosts)}";
}
