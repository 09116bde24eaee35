namespace Locking;

/// <summary>The backend <c>etcd</c> for a <see cref="LockBuilder"/>.</summary>
public static class EtcdBuilderExtensions
{
    /// <summary>Takes locks from etcd.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or two do not go together.</exception>
    public static LockBuilder UseEtcd(this LockBuilder builder, Action<EtcdLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new EtcdLockProvider(), configure);
    }
}
