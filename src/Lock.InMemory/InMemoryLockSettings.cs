namespace Locking;

/// <summary>The settings of the backend <c>inMemory</c>.</summary>
public sealed record InMemoryLockSettings
{
    /// <summary>Which table of the process: locks with the same name and clock exclude each other. Default one for all.</summary>
    public string? Name { get; set; }

    /// <summary>Whether to have a table of one's own, that excludes nobody else. Default false.</summary>
    public bool? Isolated { get; set; }

    internal static SettingsTable<InMemoryLockSettings> Table { get; } = new(
    [
        Settings.Text<InMemoryLockSettings>(
            "name", static s => s.Name, static (s, value) => s with { Name = value },
            "Which table of the process: all in-memory locks with the same name and clock (`TimeProvider`) exclude each other.") with
        {
            Default = "one for all",
        },
        Settings.Flag<InMemoryLockSettings>(
            "isolated", static s => s.Isolated, static (s, value) => s with { Isolated = value },
            "A table of one's own, which excludes nobody else: for tests that run side by side.") with
        {
            Default = "`false`",
        },
    ])
    {
        IsLocal = true,

        // Always first in, first out; and in one process nobody else shares the table.
        Needless = ["fair", "keyPrefix"],
    };
}
