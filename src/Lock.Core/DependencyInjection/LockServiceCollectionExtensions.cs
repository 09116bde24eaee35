using Locking;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers <see cref="ILock"/> as a singleton, disposed with its container.</summary>
/// <remarks>
/// <para>The builder is an options object: <c>services.Configure&lt;LockBuilder&gt;(…)</c> and what else configures options add to it. The
/// container's <c>TimeProvider</c> and <c>ILoggerFactory</c> are used when it has them, and every registered <c>ILockProvider</c> is known
/// by its type.</para>
/// <para>A host checks the configuration when it starts: a bad one fails the start with a <see cref="LockConfigException"/>, before any
/// other service runs. No connection is made by that.</para>
/// <para><see cref="ILock"/> is disposed asynchronously; a container that is not part of a host needs <c>await using</c>.</para>
/// </remarks>
public static class LockServiceCollectionExtensions
{
    /// <summary>Adds locks as a builder says.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Says it, as in <c>services.AddLock(builder => builder.UseRedis(redis => redis.Fair = true))</c>.</param>
    public static IServiceCollection AddLock(this IServiceCollection services, Action<LockBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        LockRegistration.Add(services, null, configure);
        return services;
    }

    /// <summary>Adds locks under a key, beside others, as a builder says.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, as in <c>[FromKeyedServices(key)]</c>; its text is the name of the options.</param>
    /// <param name="configure">Says it.</param>
    public static IServiceCollection AddKeyedLock(this IServiceCollection services, object serviceKey, Action<LockBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentNullException.ThrowIfNull(configure);
        LockRegistration.Add(services, serviceKey, configure);
        return services;
    }
}
