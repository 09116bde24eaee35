namespace Locking;

/// <summary>
/// One value of a configuration, wherever it was written. JSON and <c>IConfiguration</c> are both turned into this small tree, so that
/// every rule about settings, and every message, exists once.
/// </summary>
/// <param name="Path">Where it stands, such as <c>lockOptions.ttl</c>; empty for the whole.</param>
internal abstract record ConfigNode(string Path)
{
    /// <summary>Appends a name to a path.</summary>
    public static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}

/// <summary>Names with values, in the order in which they were written.</summary>
internal sealed record ObjectNode(string Path, IReadOnlyList<ConfigMember> Members) : ConfigNode(Path);

/// <summary>A list.</summary>
internal sealed record ArrayNode(string Path, IReadOnlyList<ConfigNode> Items) : ConfigNode(Path);

/// <summary>A single value.</summary>
/// <param name="Path">Where it stands.</param>
/// <param name="Kind">What it was written as.</param>
/// <param name="Text">The text of a number or a string; empty for the other kinds.</param>
/// <param name="IsUntyped">Whether the source knows strings only, so that <c>"3"</c> may be a number and <c>""</c> nothing.</param>
internal sealed record ScalarNode(string Path, ScalarKind Kind, string Text, bool IsUntyped) : ConfigNode(Path)
{
    /// <summary>The time that was given in code, exactly.</summary>
    public TimeSpan? Span { get; init; }
}

/// <summary>One name and its value.</summary>
internal readonly record struct ConfigMember(string Name, ConfigNode Value);

/// <summary>What a single value was written as.</summary>
internal enum ScalarKind
{
    Null = 0,
    True = 1,
    False = 2,
    Number = 3,
    Text = 4,
}
