namespace Locking;

/// <summary>The settings of the backend <c>redis</c>. The server is at <see cref="Host"/> and <see cref="Port"/>, at <see cref="Path"/>, or
/// where <see cref="Url"/> says.</summary>
public sealed record RedisLockSettings
{
    /// <summary>Host name or address. Default 127.0.0.1.</summary>
    public string? Host { get; set; }

    /// <summary>TCP port, 1 to 65535. Default 6379.</summary>
    public int? Port { get; set; }

    /// <summary>Path of a Unix domain socket.</summary>
    public string? Path { get; set; }

    /// <summary>The address as one string: <c>redis://</c>, <c>rediss://</c>, or the client's own form. May hold a secret: never
    /// shown.</summary>
    public string? Url { get; set; }

    /// <summary>User name; goes with <see cref="Password"/>.</summary>
    public string? Username { get; set; }

    /// <summary>Password. Never shown.</summary>
    public string? Password { get; set; }

    /// <summary>Whether to speak TLS. Default false, or as the url says.</summary>
    public bool? Tls { get; set; }

    /// <summary>Database number, not negative. Default 0.</summary>
    public int? Db { get; set; }

    /// <summary>Limit of connecting. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Limit of one request to the server. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    /// <summary>Always true: the client sends at once.</summary>
    public bool? NoDelay { get; set; }

    /// <summary>First in, first out between the contenders of different processes. Default false; inside a process it is always
    /// so.</summary>
    public bool? Fair { get; set; }

    /// <summary>A grant counts only when so many replicas have it. Not negative. Default 0.</summary>
    public int? Replicas { get; set; }

    /// <summary>How long to wait for the replicas. At least 1 ms. Default 1 s.</summary>
    public TimeSpan? ReplicaTimeout { get; set; }

    /// <summary>How long a key's fencing record outlives the lock. Not negative. Default 1 h.</summary>
    public TimeSpan? FenceRetention { get; set; }

    /// <summary>Key and value layout shared with another client, one of <see cref="LockFormats"/>. Default <c>native</c>.</summary>
    public string? Format { get; set; }

    /// <summary>Literal prefix before namespace and key. Default by <see cref="Format"/>.</summary>
    public string? KeyPrefix { get; set; }

    /// <summary>Where the server is. Holds no secret.</summary>
    public override string ToString() =>
        $"{nameof(RedisLockSettings)} {{ {(Url is not null ? "Url = (hidden)" : Path ?? $"{Host ?? "127.0.0.1"}:{Port ?? 6379}")} }}";
}
