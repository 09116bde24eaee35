using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Locking;

/// <summary>Registers <see cref="ILock"/> as a singleton, disposed with its container.</summary>
/// <remarks>
/// <para>The container's <c>TimeProvider</c> and <c>ILoggerFactory</c> are used when it has them, and every registered
/// <see cref="ILockProvider"/> is known by its type.</para>
/// <para>A host checks the configuration when it starts: a bad one fails the start with a <see cref="LockConfigException"/>, before any other
/// service runs. No connection is made by that.</para>
/// <para><see cref="ILock"/> is disposed asynchronously; a container that is not part of a host needs <c>await using</c>.</para>
/// </remarks>
public static class LockServiceCollectionExtensions
{
    extension(IServiceCollection services)
    {
        /// <summary>Adds locks as configured in code, or else as the deployment says: the environment variable <c>LOCK_CONFIG</c>, then the
        /// section <c>Lock</c> of the container's configuration, then the application's own default. With none of them the host does not
        /// start.</summary>
        /// <param name="config">The configuration; null: as the deployment says.</param>
        /// <param name="fallback">What to take when the deployment says nothing; null: that is an error.</param>
        public IServiceCollection AddLock(LockConfig? config = null, LockConfig? fallback = null) =>
            Add(services, null, provider => config ?? LockRegistration.FromSurroundings(provider, fallback));

        /// <summary>Adds locks as a configuration section says.</summary>
        /// <param name="configuration">The section itself, or a whole configuration, of which the section <c>Lock</c> is read. A section that does
        /// not exist fails the host's start.</param>
        public IServiceCollection AddLock(IConfiguration configuration) =>
            Add(services, null, LockRegistration.FromSection(configuration));

        /// <summary>Adds locks as a callback says, when they are first needed.</summary>
        /// <param name="configure">Gives the configuration.</param>
        public IServiceCollection AddLock(Func<IServiceProvider, LockConfig> configure)
        {
            ArgumentNullException.ThrowIfNull(configure);
            return Add(services, null, configure);
        }

        /// <summary>Adds locks under a key, beside others, as a configuration section says.</summary>
        /// <param name="serviceKey">The key, as in <c>[FromKeyedServices(key)]</c>.</param>
        /// <param name="configuration">The section itself, or a whole configuration, of which the section <c>Lock</c> is read. A section that does
        /// not exist fails the host's start.</param>
        public IServiceCollection AddKeyedLock(object serviceKey, IConfiguration configuration)
        {
            ArgumentNullException.ThrowIfNull(serviceKey);
            return Add(services, serviceKey, LockRegistration.FromSection(configuration));
        }

        /// <summary>Adds locks under a key, beside others, as configured in code.</summary>
        /// <param name="serviceKey">The key, as in <c>[FromKeyedServices(key)]</c>.</param>
        /// <param name="config">The configuration.</param>
        public IServiceCollection AddKeyedLock(object serviceKey, LockConfig config)
        {
            ArgumentNullException.ThrowIfNull(serviceKey);
            ArgumentNullException.ThrowIfNull(config);
            return Add(services, serviceKey, _ => config);
        }

        /// <summary>Adds locks under a key, beside others, as a callback says, when they are first needed.</summary>
        /// <param name="serviceKey">The key, as in <c>[FromKeyedServices(key)]</c>.</param>
        /// <param name="configure">Gives the configuration.</param>
        public IServiceCollection AddKeyedLock(object serviceKey, Func<IServiceProvider, LockConfig> configure)
        {
            ArgumentNullException.ThrowIfNull(serviceKey);
            ArgumentNullException.ThrowIfNull(configure);
            return Add(services, serviceKey, configure);
        }
    }

    private static IServiceCollection Add(IServiceCollection services, object? key, Func<IServiceProvider, LockConfig> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (key is null)
            services.AddSingleton(provider => LockRegistration.Create(provider, configure));
        else
            services.AddKeyedSingleton(key, (provider, _) => LockRegistration.Create(provider, configure));
        services.AddSingleton(new LockRegistration(key));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, LockStartCheck>());
        return services;
    }
}
