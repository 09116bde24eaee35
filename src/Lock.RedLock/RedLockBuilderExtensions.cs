namespace Locking;

/// <summary>The backend <c>redLock</c> for a <see cref="LockBuilder"/>.</summary>
public static class RedLockBuilderExtensions
{
    /// <summary>Takes locks from a quorum of independent Redis servers.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Names the servers, and sets what else differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or two do not go together.</exception>
    public static LockBuilder UseRedLock(this LockBuilder builder, Action<RedLockSettings> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        return builder.Use(new RedLockProvider(), configure);
    }
}
