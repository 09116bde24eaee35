using Locking;
using Microsoft.Extensions.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers <see cref="ILock"/> with all backends that are in the box; see
/// <see cref="LockServiceCollectionExtensions"/>.</summary>
public static class BuiltInLockServiceCollectionExtensions
{
    /// <summary>Adds locks as configured in code, or else as the deployment says: the environment variable <c>LOCK_CONFIG</c>, then the
    /// section <c>Lock</c> of the container's configuration, then the application's own default. With none of them the host does not
    /// start.</summary>
    /// <param name="services">The services.</param>
    /// <param name="config">The configuration; null: as the deployment says.</param>
    /// <param name="fallback">What to take when the deployment says nothing; null: that is an error.</param>
    public static IServiceCollection AddLock(this IServiceCollection services, LockConfig? config = null, LockConfig? fallback = null) =>
        services.AddLock(builder =>
        {
            // The variable wins over the section: it is the word of whoever deploys, and files are the application's default.
            builder.AddBuiltInProviders().FromEnvironment().FromConfiguration();
            builder.Config = config;
            builder.Fallback = fallback;
        });

    /// <summary>Adds locks as a configuration section says.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">The section itself, or a whole configuration, of which the section <c>Lock</c> is read. A section that
    /// does not exist fails the host's start.</param>
    public static IServiceCollection AddLock(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddLock(builder => builder.AddBuiltInProviders().FromConfiguration(configuration));
    }

    /// <summary>Adds locks under a key, beside others, as a configuration section says.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, as in <c>[FromKeyedServices(key)]</c>.</param>
    /// <param name="configuration">The section itself, or a whole configuration, of which the section <c>Lock</c> is read. A section that
    /// does not exist fails the host's start.</param>
    public static IServiceCollection AddKeyedLock(this IServiceCollection services, object serviceKey, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddKeyedLock(serviceKey, builder => builder.AddBuiltInProviders().FromConfiguration(configuration));
    }

    /// <summary>Adds locks under a key, beside others, as configured in code.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, as in <c>[FromKeyedServices(key)]</c>.</param>
    /// <param name="config">The configuration.</param>
    public static IServiceCollection AddKeyedLock(this IServiceCollection services, object serviceKey, LockConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return services.AddKeyedLock(serviceKey, builder => builder.AddBuiltInProviders().Use(config));
    }
}
