using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes an <see cref="ILock"/> of what a builder says.</summary>
internal static partial class LockMaker
{
    /// <summary>A request, a collection of garbage or a busy machine can take as long as a shorter lease lasts.</summary>
    private static readonly TimeSpan ShortestSafeTtl = TimeSpan.FromSeconds(1);

    /// <summary>Makes locks.</summary>
    /// <param name="builder">What they are made of.</param>
    /// <param name="services">The container, or null.</param>
    /// <exception cref="LockConfigException">Nothing is configured, or something cannot be.</exception>
    public static ILock Make(LockBuilder builder, IServiceProvider? services = null)
    {
        LockConfig config = builder.Config ?? FromSources(builder, services) ?? builder.Fallback ?? throw NothingConfigured();
        if (builder.LockOptions is not null)
            config = config with { LockOptions = builder.LockOptions };
        LockProviderContext context = builder.Context ?? LockProviderContext.Default;
        ILogger logger = context.LoggerFactory.CreateLogger("Locking.Configuration");
        var known = new KnownProviders(builder.Providers);
        ResolvedConfig resolved = ConfigResolver.Resolve(config with { Namespace = NotEmpty(builder.Namespace) ?? NotEmpty(config.Namespace) }, known);
        if (resolved.Ignored.Count > 0 && logger.IsEnabled(LogLevel.Information))
            LogIgnored(logger, resolved.Provider.Type, string.Join(", ", resolved.Ignored));
        if (resolved.Config.LockOptions!.Ttl is { } ttl && ttl != Timeout.InfiniteTimeSpan && ttl < ShortestSafeTtl)
            LogShortTtl(logger, ttl.TotalMilliseconds);
        return Make(resolved.Provider, resolved.Config, context);
    }

    private static ILock Make(ILockProvider provider, LockConfig config, LockProviderContext context)
    {
        try
        {
            return provider is IDirectLockProvider direct
                ? direct.CreateLock(config, context)
                : new StoreLock(provider.CreateStore(config, context), config.LockOptions, config.Namespace, context);
        }
        catch (ArgumentException problem)
        {
            throw new LockConfigException(ConfigNames.LockOptions, problem.Message, problem);
        }
    }

    private static LockConfig? FromSources(LockBuilder builder, IServiceProvider? services)
    {
        foreach (Func<IReadOnlyList<ILockProvider>, IServiceProvider?, LockConfig?> source in builder.Sources)
        {
            if (source([.. builder.Providers], services) is { } config)
                return config;
        }

        return null;
    }

    private static LockConfigException NothingConfigured() => new(
        "",
        $"No locks are configured: the environment variable {LockBuilderExtensions.EnvironmentVariable} is not set (or blank), and the application's "
        + $"configuration has no section '{LockBuilderExtensions.SectionName}' (or is not asked). Set one of them, say to "
        + "{\"type\":\"redis\",\"connection\":{\"host\":\"127.0.0.1\"}}; or pass a configuration to Lock.Create or AddLock; or pass a default of your "
        + "own, as in Lock.Create(fallback: new LockConfig { Type = \"inMemory\" }) or AddLock(fallback: …), for locks that exclude callers of this process only.");

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    [LoggerMessage(2, LogLevel.Information, "Settings that the lock backend {Type} has no use for are ignored: {Settings}")]
    private static partial void LogIgnored(ILogger logger, string type, string settings);

    [LoggerMessage(
        3,
        LogLevel.Warning,
        "lockOptions.ttl is {Milliseconds} ms: a lease this short can run out while its holder works. Times without a unit are milliseconds; \"30s\" "
        + "is 30 seconds")]
    private static partial void LogShortTtl(ILogger logger, double milliseconds);
}
