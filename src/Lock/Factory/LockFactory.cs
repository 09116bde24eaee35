namespace Locking;

/// <summary>Makes an <see cref="ILock"/> of a configuration: <c>Lock.Create(…)</c> under a name that every .NET language has.</summary>
/// <remarks>
/// Nothing connects yet: the first request does. The object is thread-safe and meant to live long; dispose it to give back what it still
/// holds.
/// </remarks>
public static class LockFactory
{
    /// <summary>Makes locks as configured.</summary>
    /// <param name="config">The configuration; null: the environment variable <c>LOCK_CONFIG</c>, which must then be set unless there is a
    /// <paramref name="fallback"/>.</param>
    /// <param name="namespace">The namespace of <see cref="ILock.LockNsAsync"/>; null or empty: as the configuration says.</param>
    /// <param name="context">Clock and logs; null: the system's clock and no logs.</param>
    /// <param name="providers">Providers beside the built-in ones; one with the type of a built-in provider replaces it.</param>
    /// <param name="fallback">What to take when there is no <paramref name="config"/> and <c>LOCK_CONFIG</c> is not set, empty or blank;
    /// null: that is an error.</param>
    /// <exception cref="LockConfigException">Nothing is configured, or a setting is unknown, of the wrong type, out of range or not for
    /// this backend, or no provider serves the type. The message names the setting, the value (never a secret) and what is
    /// allowed.</exception>
    public static ILock Create(
        LockConfig? config = null,
        string? @namespace = null,
        LockProviderContext? context = null,
        IEnumerable<ILockProvider>? providers = null,
        LockConfig? fallback = null)
    {
        LockBuilder builder = NewBuilder(@namespace, context, providers).FromEnvironment();
        builder.Config = config;
        builder.Fallback = fallback;
        return builder.Build();
    }

    /// <summary>Makes locks as configured by JSON, or by the file that is named after an <c>@</c>.</summary>
    /// <param name="json">JSON with comments and trailing commas allowed, or <c>@</c> and the path of a file that holds it.</param>
    /// <param name="namespace">The namespace of <see cref="ILock.LockNsAsync"/>; null or empty: as the configuration says.</param>
    /// <param name="context">Clock and logs; null: the system's clock and no logs.</param>
    /// <param name="providers">Providers beside the built-in ones; one with the type of a built-in provider replaces it.</param>
    /// <exception cref="LockConfigException">The text is no configuration, or one that cannot be served; see the other
    /// overload.</exception>
    public static ILock Create(
        string json,
        string? @namespace = null,
        LockProviderContext? context = null,
        IEnumerable<ILockProvider>? providers = null) =>
        NewBuilder(@namespace, context, providers).FromJson(json).Build();

    private static LockBuilder NewBuilder(string? ns, LockProviderContext? context, IEnumerable<ILockProvider>? providers)
    {
        var builder = new LockBuilder { Namespace = ns, Context = context };
        foreach (ILockProvider provider in providers ?? [])
            builder.AddProvider(provider);
        return builder.AddBuiltInProviders();
    }
}
