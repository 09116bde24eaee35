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
    public static LockConfig FromSurroundings(IServiceProvider provider)
    {
        var configuration = provider.GetService<IConfiguration>();
        return LockConfig.FromEnvironment()
            ?? (configuration is null ? null : LockConfig.FromConfiguration(configuration))
            ?? new LockConfig();
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
        return LockFactory.Create(configure(provider), null, context, provider.GetServices<ILockProvider>());
    }
}
