using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes an <see cref="ILock"/> of a configuration.</summary>
internal static partial class LockFactory
{
    /// <summary>Makes locks; null for what is not said.</summary>
    /// <exception cref="LockConfigException">A setting is wrong, or no provider serves the type.</exception>
    public static ILock Create(
        LockConfig? config, string? ns, LockProviderContext? context, IEnumerable<ILockProvider>? providers)
    {
        context ??= LockProviderContext.Default;
        var logger = context.LoggerFactory.CreateLogger("Locking.Configuration");
        config ??= LockConfig.FromEnvironment() ?? new LockConfig();
        var resolved = ConfigResolver.Resolve(config with { Namespace = NotEmpty(ns) ?? NotEmpty(config.Namespace) });
        var provider = Find(resolved.Config.Type!, [.. providers ?? [], .. BuiltInProviders.All]);
        if (!resolved.IsTypeSaid)
            LogDefaultType(logger);
        if (resolved.Ignored.Count > 0 && logger.IsEnabled(LogLevel.Information))
            LogIgnored(logger, provider.Type, string.Join(", ", resolved.Ignored));
        return Create(provider, resolved.Config with { Type = provider.Type }, context);
    }

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

    [LoggerMessage(
        1,
        LogLevel.Warning,
        "No lock backend is configured (LOCK_CONFIG is not set, or names no type): locks are kept in memory, and exclude callers of this "
        + "process only")]
    private static partial void LogDefaultType(ILogger logger);

    [LoggerMessage(2, LogLevel.Information, "Settings that the lock backend {Type} has no use for are ignored: {Settings}")]
    private static partial void LogIgnored(ILogger logger, string type, string settings);
}
