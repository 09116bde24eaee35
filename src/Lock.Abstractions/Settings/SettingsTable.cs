namespace Locking.Providers;

/// <summary>All settings of one backend, with the record that holds them.</summary>
/// <typeparam name="T">The record: what a provider works with, and what an application sets in code.</typeparam>
/// <param name="rows">The settings, in the order of the documentation. Made by <see cref="Settings"/> and
/// <see cref="CommonSettings"/>.</param>
public sealed class SettingsTable<T>(IReadOnlyList<Setting<T>> rows) : ISettingsTable
    where T : class, new()
{
    /// <inheritdoc cref="ISettingsTable.Rows"/>
    public IReadOnlyList<Setting<T>> Rows { get; } = rows;

    /// <inheritdoc/>
    public IReadOnlyList<IReadOnlyList<string>> Alternatives { get; init; } = [];

    /// <inheritdoc/>
    public IReadOnlyList<string> Needless { get; init; } = [];

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Hints { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public bool IsLocal { get; init; }

    IReadOnlyList<Setting> ISettingsTable.Rows => Rows;

    /// <summary>Reads what a configuration says of these settings.</summary>
    /// <exception cref="LockConfigException">A setting is unknown, of the wrong kind or out of range, or says what another says too. The
    /// message names the path, the value (never a secret) and what is allowed.</exception>
    public T Read(LockConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        T owner = Apply(new T(), config.Connection, SettingPlace.Connection, ConfigNames.Connection);
        owner = Apply(owner, config.StoreOptions, SettingPlace.LockOptions, ConfigNames.LockOptions);
        SettingsReader.CheckAlternatives(this, config.Connection, ConfigNames.Connection);
        return owner;
    }

    /// <summary>Writes settings into a configuration, in place of its own <see cref="LockConfig.Connection"/> and backend's
    /// options.</summary>
    /// <exception cref="LockConfigException">A value is out of range.</exception>
    public LockConfig Write(LockConfig config, T settings)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(settings);
        LockConfig written = config with
        {
            Connection = NullIfEmpty(Values(settings, SettingPlace.Connection)),
            StoreOptions = NullIfEmpty(Values(settings, SettingPlace.LockOptions)),
        };
        Read(written);
        return written;
    }

    /// <summary>Checks settings that were given in code.</summary>
    /// <exception cref="LockConfigException">A value is out of range, or two say the same.</exception>
    public void Check(T settings) => Write(new LockConfig(), settings);

    internal LockSettings Write(T settings) => Values(settings, SettingPlace.Connection);

    internal T ReadItem(LockSettings settings, string path)
    {
        T owner = Apply(new T(), settings, SettingPlace.Connection, path);
        SettingsReader.CheckAlternatives(this, settings, path);
        return owner;
    }

    private T Apply(T owner, LockSettings? settings, SettingPlace place, string path)
    {
        foreach ((string name, object? value) in SettingsReader.Read(this, settings, place, path))
            owner = Rows.First(row => row.Name == name && row.Place == place).Set(owner, value);
        return owner;
    }

    private LockSettings Values(T settings, SettingPlace place)
    {
        var values = new LockSettings();
        foreach (Setting<T> row in Rows)
        {
            if (row.Place == place && row.Get(settings) is { } value)
                values[row.Name] = value;
        }

        return values;
    }

    private static LockSettings? NullIfEmpty(LockSettings settings) => settings.Count == 0 ? null : settings;
}
