namespace Locking.Tests;

/// <summary>A provider that keeps the configuration it is given. Its store is the smallest there is: one lease per key,
/// which never expires.</summary>
public sealed class CapturingProvider(string type, ISettingsTable? settings = null) : ILockProvider
{
    public LockConfig? Config { get; private set; }

    public LockProviderContext? Context { get; private set; }

    public SmallestStore? Store { get; private set; }

    public string Type => type;

    /// <summary>Those of the provider that it stands in for, or none.</summary>
    public ISettingsTable Settings { get; } = settings
        ?? BuiltInProviders.Known.Find(type)?.Settings
        ?? new SettingsTable<object>([]);

    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        Config = config;
        Context = context;
        return Store = new SmallestStore(type);
    }

    /// <summary>What a provider of this type is given for a configuration.</summary>
    public static async Task<LockConfig> ResolveAsync(LockConfig config)
    {
        string type = config.ApplyPreset().Type ?? "inMemory";
        var provider = new CapturingProvider(type);
        await Lock.Create(config, providers: [provider]).DisposeAsync();
        return provider.Config!;
    }

    public static Task<LockConfig> ResolveAsync(string json) => ResolveAsync(LockConfig.Parse(json));
}
