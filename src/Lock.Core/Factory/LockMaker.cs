using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes an <see cref="ILock"/> of what a builder says.</summary>
internal static partial class LockMaker
{
    /// <summary>A request, a collection of garbage or a busy machine can take as long as a shorter lease lasts.</summary>
    private static readonly TimeSpan s_shortestSafeTtl = TimeSpan.FromSeconds(1);

    /// <summary>Makes locks.</summary>
    /// <param name="builder">What they are made of.</param>
    /// <param name="services">The container, or null.</param>
    /// <exception cref="LockConfigException">Nothing is configured, or something cannot be.</exception>
    public static ILock Make(LockBuilder builder, IServiceProvider? services = null)
    {
        FoundConfig found = Given(builder.Config) ?? FromSources(builder, services) ?? Given(builder.Fallback)
            ?? throw NothingConfigured(isOfContainer: services is not null);
        LockConfig config = found.Config;
        if (builder.LockOptions is not null)
            config = config with { LockOptions = builder.LockOptions };
        LockProviderContext context = builder.Context ?? LockProviderContext.Default;
        ILogger logger = context.LoggerFactory.CreateLogger("Locking.Configuration");
        var known = new KnownProviders(builder.Providers);
        config = config with { Namespace = NotEmpty(builder.Namespace) ?? NotEmpty(config.Namespace) };
        ResolvedConfig resolved = ConfigText.In(found.Source, () => ConfigResolver.Resolve(config, known));
        if (resolved.Ignored.Count > 0 && logger.IsEnabled(LogLevel.Information))
            LogIgnored(logger, resolved.Provider.Type, string.Join(", ", resolved.Ignored));
        if (resolved.Config.LockOptions!.Ttl is { } ttl && ttl != Timeout.InfiniteTimeSpan && ttl < s_shortestSafeTtl)
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

    private static FoundConfig? Given(LockConfig? config) => config is null ? null : new FoundConfig(config, Source: null);

    private static FoundConfig? FromSources(LockBuilder builder, IServiceProvider? services)
    {
        foreach (Func<IReadOnlyList<ILockProvider>, IServiceProvider?, FoundConfig?> source in builder.Sources)
        {
            if (source([.. builder.Providers], services) is { } found)
                return found;
        }

        return null;
    }

    /// <summary>Speaks of the application's configuration to those that have one: a program without a container reads the variable
    /// alone.</summary>
    private static LockConfigException NothingConfigured(bool isOfContainer)
    {
        const string Example = "{\"type\":\"redis\",\"connection\":{\"host\":\"127.0.0.1\"}}";
        const string Default = "new LockConfig { Type = \"inMemory\" }";
        const string Alone = "for locks that exclude callers of this process only";
        string variable = $"the environment variable {LockBuilderExtensions.EnvironmentVariable} is not set (or blank)";
        return new LockConfigException("", isOfContainer
            ? $"No locks are configured: {variable}, and the application's configuration has no section "
                + $"'{LockBuilderExtensions.SectionName}' (or is not asked). Set one of them, say to {Example}; or pass a configuration to "
                + $"AddLock; or pass a default of your own, as in AddLock(fallback: {Default}), {Alone}."
            : $"No locks are configured: {variable}. Set it, say to {Example}; or pass a configuration to Lock.Create; or pass a default "
                + $"of your own, as in Lock.Create(fallback: {Default}), {Alone}.");
    }

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    [LoggerMessage(2, LogLevel.Information, "Settings that the lock backend {Type} has no use for are ignored: {Settings}")]
    private static partial void LogIgnored(ILogger logger, string type, string settings);

    [LoggerMessage(
        3,
        LogLevel.Warning,
        "lockOptions.ttl is {Milliseconds} ms: a lease this short can run out while its holder works. Times without a unit are "
        + "milliseconds; \"30s\" is 30 seconds")]
    private static partial void LogShortTtl(ILogger logger, double milliseconds);
}
