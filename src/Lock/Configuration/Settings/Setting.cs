namespace Locking;

/// <summary>Turns a single value into what a setting holds.</summary>
/// <returns>False when it is of a wrong type.</returns>
internal delegate bool ValueParser(ScalarNode node, out object? value);

/// <summary>One setting: its names, what it allows, who has it, and where it goes. The tables of these are all that the reader, the
/// writer and the check against a backend know.</summary>
/// <typeparam name="TOwner">The record that holds it.</typeparam>
internal sealed class Setting<TOwner>
{
    public required string Name { get; init; }

    /// <summary>Other names, met in configurations in the field, that mean the same.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>What is allowed, for people; ends a sentence that begins with "Allowed:".</summary>
    public required string Allowed { get; init; }

    /// <summary>Whether the value is never shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>The backends that act on it; null: all.</summary>
    public IReadOnlyList<string>? Backends { get; init; }

    public required ValueParser Parse { get; init; }

    /// <summary>Sets the value; throws <see cref="ArgumentOutOfRangeException"/> when the record refuses it.</summary>
    public required Func<TOwner, object?, TOwner> Set { get; init; }

    public required Func<TOwner, object?> Get { get; init; }


    public IEnumerable<string> Names => Aliases.Prepend(Name);

    public bool IsCalled(string name) => Names.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a value.</summary>
    /// <exception cref="LockConfigException">The value is of a wrong type or out of range.</exception>
    public object? Read(ConfigNode node)
    {
        if (node is not ScalarNode scalar || !Parse(scalar, out var value))
            throw ConfigErrors.Bad(node, IsSecret, "is not a value for this setting", Allowed);
        return value;
    }

    /// <summary>Sets a value.</summary>
    /// <exception cref="LockConfigException">The value is out of range.</exception>
    public TOwner Apply(TOwner owner, object? value, ConfigNode node, string allowed)
    {
        try
        {
            return Set(owner, value);
        }
        catch (ArgumentOutOfRangeException)
        {
            // The inner exception would quote the value once more, and name the C# property instead of the setting.
            throw ConfigErrors.Bad(node, IsSecret, "is out of range", allowed);
        }
    }
}
