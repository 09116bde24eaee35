using System.Net.Security;
using System.Security.Cryptography;

namespace Locking;

/// <summary>Makes stores of the backend <c>etcd</c>: a line of entries per key in etcd 3.4 or newer,
/// which <c>etcdctl lock</c> shares.</summary>
public sealed class EtcdLockProvider : LockProvider<EtcdLockSettings>
{
    /// <inheritdoc/>
    public override string Type => EtcdLockStore.TypeName;

    /// <inheritdoc/>
    public override SettingsTable<EtcdLockSettings> Settings => EtcdLockSettings.Table;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(EtcdLockSettings settings, LockOptions options, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        if (settings.Endpoints is { Count: 0 })
            throw new LockConfigException("connection.endpoints", "is an empty list; at least one member is needed.");
        Require("connection.username", settings.Username, "connection.password", settings.Password);
        Require("connection.certFile", settings.CertFile, "connection.keyFile", settings.KeyFile);
        bool tls = settings.Tls == true;
        if (!tls && (settings.CaFile ?? settings.CertFile) is not null)
            throw new LockConfigException("connection.tls", "is not true, but caFile or certFile is set.");
        IReadOnlyList<EtcdEndpointSettings> members = settings.Endpoints
            ?? [new EtcdEndpointSettings { Host = settings.Host, Port = settings.Port }];
        var known = new EtcdSettings { Members = [] };
        return new EtcdLockStore(
            new EtcdSettings
            {
                Members = [.. members.Select(member =>
                    new UriBuilder(tls ? "https" : "http", member.Host ?? "127.0.0.1", member.Port ?? 2379).Uri)],
                Username = settings.Username, Password = settings.Password, Tls = tls ? TlsOf(settings) : null,
                KeyPrefix = settings.KeyPrefix ?? known.KeyPrefix,
                ConnectTimeout = settings.ConnectTimeout ?? known.ConnectTimeout,
                CommandTimeout = settings.CommandTimeout ?? known.CommandTimeout,
            },
            context.TimeProvider);
    }

    private static void Require(string path, string? value, string otherPath, string? other)
    {
        if ((value is null) != (other is null))
            throw new LockConfigException(value is null ? path : otherPath, $"is missing; {path} and {otherPath} go together.");
    }

    private static SslClientAuthenticationOptions TlsOf(EtcdLockSettings settings)
    {
        try
        {
            return EtcdTls.From(settings.CaFile, settings.CertFile, settings.KeyFile);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new LockConfigException("connection.tls", $"cannot use caFile, certFile or keyFile: {exception.Message}");
        }
    }
}
