using System.Collections;

namespace Locking;

/// <summary>Settings by name, as a configuration writes them: <c>new LockSettings { ["host"] = "10.0.0.1", ["port"] = 6380 }</c>.</summary>
/// <remarks>
/// Names are known in any case. A value is a text, a number, a <see cref="bool"/>, a <see cref="TimeSpan"/>, null, further settings or a
/// list of such. Which names and values there are is the backend's to say: it judges them when the lock is created. Two are equal when they
/// say the same.
/// </remarks>
public sealed class LockSettings : IEnumerable<KeyValuePair<string, object?>>, IEquatable<LockSettings>
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How many there are.</summary>
    public int Count => _values.Count;

    /// <summary>A setting's value; null when it is not set, or set to null.</summary>
    /// <param name="name">The name, in any case.</param>
    public object? this[string name]
    {
        get => _values.GetValueOrDefault(name) is ScalarNode scalar ? Plain(scalar) : _values.GetValueOrDefault(name);
        set => _values[name] = value;
    }

    /// <summary>The names and values that are set.</summary>
    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public bool Equals(LockSettings? other) =>
        other is not null && other.Count == Count
        && _values.All(mine => other._values.TryGetValue(mine.Key, out object? theirs) && Same(mine.Value, theirs));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LockSettings);

    /// <inheritdoc/>
    public override int GetHashCode() => Count;

    /// <summary>The names alone: a value may be a secret.</summary>
    public override string ToString() => $"{nameof(LockSettings)} {{ {string.Join(", ", _values.Keys)} }}";

    /// <summary>The same settings in an object of its own.</summary>
    internal LockSettings Copy()
    {
        var copy = new LockSettings();
        foreach ((string name, object? value) in _values)
            copy[name] = value;
        return copy;
    }

    internal bool Has(string name) => _values.ContainsKey(name);

    private static object? Plain(ScalarNode scalar) => scalar.Kind switch
    {
        ScalarKind.Null => null,
        ScalarKind.True => true,
        ScalarKind.False => false,
        _ => scalar.Text,
    };

    private static bool Same(object? mine, object? theirs) =>
        mine is IEnumerable<LockSettings> list
            ? theirs is IEnumerable<LockSettings> others && list.SequenceEqual(others)
            : Equals(mine, theirs);
}
