using System.Net.Security;

namespace Locking;

/// <summary>What a store of etcd needs to know.</summary>
internal sealed record EtcdSettings
{
    /// <summary>The members of one cluster, at least one.</summary>
    public required IReadOnlyList<Uri> Members { get; init; }

    public string? Username { get; init; }

    public string? Password { get; init; }

    /// <summary>Whom to trust, and as whom to come; null: as the system does.</summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    public string KeyPrefix { get; init; } = "lock:";

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(2);
}
