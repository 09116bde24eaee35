using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Locking;

/// <summary>One registered <see cref="ILock"/>: remembered, so that the start of the host can check it.</summary>
/// <param name="Key">Its service key, or null.</param>
internal sealed record LockRegistration(object? Key)
{
    /// <summary>The variable wins over the section: it is the word of whoever deploys, and files are the application's default.</summary>
    /// <exception cref="LockConfigException">Neither is there, and no default of the application's own.</exception>
    public static LockConfig FromSurroundings(IServiceProvider provider, LockConfig? fallback)
    {
        var configuration = provider.GetService<IConfiguration>();
        return LockConfig.FromEnvironment()
            ?? (configuration is null ? null : LockConfig.FromConfiguration(configuration))
            ?? fallback
            ?? throw new LockConfigException(
                "",
                $"No locks are configured: the environment variable {LockConfigExtensions.EnvironmentVariable} is not set (or blank), and the "
                + $"application's configuration has no section '{LockConfigExtensions.SectionName}'. Set one of them, say to "
                + "{\"type\":\"redis\",\"connection\":{\"host\":\"127.0.0.1\"}}; or pass a configuration to AddLock; or pass a default of your own, as "
                + "in AddLock(fallback: new LockConfig { Type = \"inMemory\" }) for locks that exclude callers of this process only.");
    }

    public static Func<IServiceProvider, LockConfig> FromSection(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var name = configuration is IConfigurationSection section ? section.Path : LockConfigExtensions.SectionName;
        return _ => LockConfig.FromConfiguration(configuration)
            ?? throw new LockConfigException("", $"There is no configuration section '{name}', or it is empty. Allowed: an object such as {{\"type\": \"inMemory\"}}.");
    }

    public static ILock Create(IServiceProvider provider, Func<IServiceProvider, LockConfig> configure)
    {
        var context = new LockProviderContext(
            provider.GetService<TimeProvider>() ?? TimeProvider.System,
            provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance);
        var config = configure(provider) ?? throw new LockConfigException(
            "", "No locks are configured: the callback that was given to AddLock or AddKeyedLock has returned null. Return a LockConfig with a type.");
        return LockFactory.Make(config, null, context, provider.GetServices<ILockProvider>());
    }
}
