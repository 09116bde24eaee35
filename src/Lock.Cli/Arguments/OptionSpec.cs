namespace Locking;

/// <summary>One option of the command line.</summary>
/// <param name="Name">The long name with its dashes, or the short one where there is no long one.</param>
/// <param name="Short">Another, short name, or null.</param>
/// <param name="Value">What stands for its value in the usage, such as <c>SECONDS</c>; null for a flag.</param>
/// <param name="Help">What it does, one sentence or two.</param>
internal sealed record OptionSpec(string Name, string? Short, string? Value, string Help)
{
    /// <summary>The names as they stand in the help: <c>-w, --wait SECONDS</c>.</summary>
    public string Usage => $"{(Short is null ? "" : $"{Short}, ")}{Name}{(Value is null ? "" : $" {Value}")}";

    public bool IsNamed(string text) => text == Name || text == Short;
}
