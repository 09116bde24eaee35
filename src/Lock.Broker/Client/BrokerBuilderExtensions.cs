namespace Locking;

/// <summary>The backend <c>broker</c> for a <see cref="LockBuilder"/>.</summary>
public static class BrokerBuilderExtensions
{
    /// <summary>Takes locks from a broker.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or two do not go together.</exception>
    public static LockBuilder UseBroker(this LockBuilder builder, Action<BrokerLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new BrokerLockProvider(), configure);
    }
}
