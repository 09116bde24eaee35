namespace Locking;

/// <summary>What an <see cref="ILock"/> is made of: a backend chosen in code (<c>UseRedis(…)</c>), or backends that a configuration chooses
/// from.</summary>
/// <remarks>
/// The argument of <c>Lock.Create(builder => …)</c> and <c>services.AddLock(builder => …)</c>. <see cref="Config"/> comes first, then the
/// sources (<c>FromEnvironment()</c>, <c>FromConfiguration(…)</c>) in their order, then <see cref="Fallback"/>; with none of them there is
/// an error.
/// </remarks>
public sealed class LockBuilder
{
    /// <summary>The configuration, where code says it.</summary>
    public LockConfig? Config { get; set; }

    /// <summary>What to take when no source says anything; null: that is an error.</summary>
    public LockConfig? Fallback { get; set; }

    /// <summary>What <see cref="ILock.LockNsAsync"/> puts before a key; null or empty: as the configuration says.</summary>
    public string? Namespace { get; set; }

    /// <summary>How locks are taken unless a call says otherwise; null: as the configuration says.</summary>
    public LockOptions? LockOptions { get; set; }

    /// <summary>Clock and logs; null: those of the container, else the system's clock and no logs.</summary>
    public LockProviderContext? Context { get; set; }

    /// <summary>The backends that a configuration can name; of two with one type, the first.</summary>
    public IList<ILockProvider> Providers { get; } = [];

    /// <summary>Where a configuration may come from, besides code: the first that says anything is taken.</summary>
    internal List<Func<IReadOnlyList<ILockProvider>, IServiceProvider?, FoundConfig?>> Sources { get; } = [];

    /// <summary>Makes a backend known by its type.</summary>
    public LockBuilder AddProvider(ILockProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        Providers.Add(provider);
        return this;
    }

    /// <summary>Takes a configuration.</summary>
    public LockBuilder Use(LockConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        return this;
    }

    /// <summary>Takes a backend, with settings of its own; each backend has a shorter way, such as <c>UseRedis(…)</c>.</summary>
    /// <param name="provider">The backend's provider.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range.</exception>
    public LockBuilder Use<TSettings>(LockProvider<TSettings> provider, Action<TSettings>? configure = null)
        where TSettings : class, new()
    {
        ArgumentNullException.ThrowIfNull(provider);
        var settings = new TSettings();
        configure?.Invoke(settings);
        Providers.Insert(0, provider);
        Config = provider.Settings.Write((Config ?? new LockConfig()) with { Type = provider.Type }, settings);
        return this;
    }
}
