using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes an <see cref="ILock"/> of a configuration: <c>Lock.Create(…)</c> under a name that every .NET language has.</summary>
/// <remarks>
/// Nothing connects yet: the first request does. The object is thread-safe and meant to live long; dispose it to give back what it still
/// holds.
/// </remarks>
public static partial class LockFactory
{
    /// <summary>A request, a collection of garbage or a busy machine can take as long as a shorter lease lasts.</summary>
    private static readonly TimeSpan ShortestSafeTtl = TimeSpan.FromSeconds(1);

    /// <summary>Makes locks as configured.</summary>
    /// <param name="config">The configuration; null: the environment variable <c>LOCK_CONFIG</c>, which must then be set unless there is a
    /// <paramref name="fallback"/>.</param>
    /// <param name="namespace">The namespace of <see cref="ILock.LockNsAsync"/>; null or empty: as the configuration says.</param>
    /// <param name="context">Clock and logs; null: the system's clock and no logs.</param>
    /// <param name="providers">Providers beside the built-in ones; one with the type of a built-in provider replaces it.</param>
    /// <param name="fallback">What to take when there is no <paramref name="config"/> and <c>LOCK_CONFIG</c> is not set, empty or blank; null:
    /// that is an error.</param>
    /// <exception cref="LockConfigException">Nothing is configured, or a setting is unknown, of the wrong type, out of range or not for this
    /// backend, or no provider serves the type. The message names the setting, the value (never a secret) and what is allowed.</exception>
    public static ILock Create(
        LockConfig? config = null,
        string? @namespace = null,
        LockProviderContext? context = null,
        IEnumerable<ILockProvider>? providers = null,
        LockConfig? fallback = null) =>
        Make(config ?? LockConfig.FromEnvironment() ?? fallback ?? throw NothingConfigured(), @namespace, context, providers);

    /// <summary>Makes locks as configured by JSON, or by the file that is named after an <c>@</c>.</summary>
    /// <param name="json">JSON with comments and trailing commas allowed, or <c>@</c> and the path of a file that holds it.</param>
    /// <param name="namespace">The namespace of <see cref="ILock.LockNsAsync"/>; null or empty: as the configuration says.</param>
    /// <param name="context">Clock and logs; null: the system's clock and no logs.</param>
    /// <param name="providers">Providers beside the built-in ones; one with the type of a built-in provider replaces it.</param>
    /// <exception cref="LockConfigException">The text is no configuration, or one that cannot be served; see the other overload.</exception>
    public static ILock Create(
        string json,
        string? @namespace = null,
        LockProviderContext? context = null,
        IEnumerable<ILockProvider>? providers = null) =>
        Make(LockConfig.Parse(json), @namespace, context, providers);

    internal static ILock Make(LockConfig config, string? ns, LockProviderContext? context, IEnumerable<ILockProvider>? providers)
    {
        context ??= LockProviderContext.Default;
        var logger = context.LoggerFactory.CreateLogger("Locking.Configuration");
        var resolved = ConfigResolver.Resolve(config with { Namespace = NotEmpty(ns) ?? NotEmpty(config.Namespace) });
        var provider = Find(resolved.Config.Type!, [.. providers ?? [], .. BuiltInProviders.All]);
        if (resolved.Ignored.Count > 0 && logger.IsEnabled(LogLevel.Information))
            LogIgnored(logger, provider.Type, string.Join(", ", resolved.Ignored));
        if (resolved.Config.LockOptions!.Ttl is { } ttl && ttl != Timeout.InfiniteTimeSpan && ttl < ShortestSafeTtl)
            LogShortTtl(logger, ttl.TotalMilliseconds);
        return Create(provider, resolved.Config with { Type = provider.Type }, context);
    }

    private static LockConfigException NothingConfigured() => new(
        "",
        $"No locks are configured: the environment variable {LockConfigExtensions.EnvironmentVariable} is not set (or blank). Set it, say to "
        + "{\"type\":\"redis\",\"connection\":{\"host\":\"127.0.0.1\"}}; or pass a configuration to Lock.Create; or pass a default of your own, "
        + "as in Lock.Create(fallback: new LockConfig { Type = \"inMemory\" }) for locks that exclude callers of this process only.");

    private static ILock Create(ILockProvider provider, LockConfig config, LockProviderContext context)
    {
        try
        {
            return provider is IDirectLockProvider direct
                ? direct.CreateLock(config, context)
                : new StoreLock(provider.CreateStore(config, context), config.LockOptions, config.Namespace, context);
        }
        catch (ArgumentException problem)
        {
            throw new LockConfigException(TopSettings.LockOptions, problem.Message, problem);
        }
    }

    /// <summary>The provider of a type; of two, the one that was registered explicitly, so that an application can replace ours.</summary>
    private static ILockProvider Find(string type, IReadOnlyList<ILockProvider> providers)
    {
        foreach (var provider in providers)
        {
            if (string.Equals(provider.Type, type, StringComparison.OrdinalIgnoreCase))
                return provider;
        }

        var types = providers.Select(static provider => provider.Type).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        var suggestion = ConfigErrors.Nearest(type, types) is { } meant ? $" Did you mean {meant}?" : "";
        throw new LockConfigException(
            TopSettings.Type.Name,
            $"There is no provider for {ConfigErrors.ShowText(type)}.{suggestion} Allowed: {string.Join(", ", types)}; a provider of your own "
            + "is passed to Lock.Create or registered as ILockProvider.");
    }

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
