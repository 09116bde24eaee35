namespace Locking;

/// <summary>The providers that a configuration can name; of two with one type, the first.</summary>
internal sealed class KnownProviders
{
    private readonly List<ILockProvider> _all = [];

    public KnownProviders(IEnumerable<ILockProvider> providers)
    {
        foreach (ILockProvider provider in providers)
        {
            if (Find(provider.Type) is null)
                _all.Add(provider);
        }
    }

    public IReadOnlyList<ILockProvider> All => _all;

    /// <summary>The types, for messages.</summary>
    public string Types => string.Join(", ", _all.Select(static provider => provider.Type));

    public ILockProvider? Find(string? type) => _all.Find(known => string.Equals(known.Type, type, StringComparison.OrdinalIgnoreCase));

    /// <summary>The provider of a type.</summary>
    /// <exception cref="LockConfigException">Nobody has it.</exception>
    public ILockProvider Get(string type)
    {
        if (Find(type) is { } found)
            return found;
        List<string> types = _all.Select(static provider => provider.Type).ToList();
        string suggestion = ConfigErrors.Nearest(type, types) is { } meant ? $" Did you mean {meant}?" : "";
        throw new LockConfigException(
            TopSettings.Type.Name,
            $"There is no provider for {ConfigErrors.ShowText(type)}.{suggestion} Allowed: {Types}; a provider of your own "
            + "is passed to Lock.Create or registered as ILockProvider.");
    }

    /// <summary>Who else has a setting, in a place: its row as the first of them has it, and their types.</summary>
    public (Setting Row, IReadOnlyList<string> Types)? Others(ILockProvider? own, string name, SettingPlace place)
    {
        List<(string Type, Setting? Row)> rows = _all
            .Where(provider => provider != own)
            .Select(provider => (provider.Type, Row: SettingsReader.Find(provider.Settings, name, place)))
            .Where(static one => one.Row is not null)
            .ToList();
        return rows.Count == 0 ? null : (rows[0].Row!, rows.ConvertAll(static one => one.Type));
    }
}
