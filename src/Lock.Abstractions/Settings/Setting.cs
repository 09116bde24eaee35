namespace Locking.Providers;

/// <summary>One setting: its names, what it takes and means. All that reads, writes, checks and documents settings goes by these
/// rows.</summary>
public abstract record Setting
{
    private protected Setting()
    {
    }

    /// <summary>The name in a configuration, in camelCase; known in any case.</summary>
    public required string Name { get; init; }

    /// <summary>Other names that mean the same, met in configurations in the field.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Names that are no settings, but that people write when they mean this one: what an error suggests then.</summary>
    public IReadOnlyList<string> Misnomers { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public SettingPlace Place { get; init; }

    /// <summary>What values it takes.</summary>
    public required SettingKind Kind { get; init; }

    /// <summary>One or two sentences for the documentation: what it does.</summary>
    public required string Meaning { get; init; }

    /// <summary>The default, for the documentation; empty for none.</summary>
    public string Default { get; init; } = "";

    /// <summary>What is allowed; ends a sentence that begins with "Allowed:". Made of kind and range where it is not given.</summary>
    public string Allowed { get => field ?? SettingWords.Allowed(this); init; }

    /// <summary>The words of a <see cref="SettingKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>The least number, or milliseconds of a time.</summary>
    public double Least { get; init; } = double.NegativeInfinity;

    /// <summary>The largest number, or milliseconds of a time.</summary>
    public double Most { get; init; } = double.PositiveInfinity;

    /// <summary>Whether null means "not set". A time that may be none takes null for that.</summary>
    public bool AllowsNull { get; init; }

    /// <summary>Whether the value is never shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>Whether a value asks for something that a backend without this setting could not give, and has to refuse; null: none does,
    /// and another backend may ignore it.</summary>
    public Func<object, bool>? Asks { get; init; }

    /// <summary>The settings of each object of a <see cref="SettingKind.List"/>.</summary>
    public ISettingsTable? Items { get; init; }

    /// <summary>A further rule for a value that is of the right kind and in range: given value and path, it throws
    /// <see cref="LockConfigException"/>.</summary>
    public Action<object, string>? Check { get; init; }

    internal IEnumerable<string> Names => Aliases.Prepend(Name);

    internal bool IsCalled(string name) => Names.Contains(name, StringComparer.OrdinalIgnoreCase);
}

/// <summary>A setting and where its value goes.</summary>
/// <typeparam name="T">The record that holds it.</typeparam>
public sealed record Setting<T> : Setting
{
    internal Setting()
    {
    }

    internal Func<T, object?> Get { get; init; } = static _ => null;

    internal Func<T, object?, T> Set { get; init; } = static (owner, _) => owner;
}
