namespace Locking;

/// <summary>The backend <c>inMemory</c> for a <see cref="LockBuilder"/>.</summary>
public static class InMemoryBuilderExtensions
{
    /// <summary>Takes locks of this process.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    public static LockBuilder UseInMemory(this LockBuilder builder, Action<InMemoryLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new InMemoryLockProvider(), configure);
    }
}
