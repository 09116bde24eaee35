using Locking.Providers;

namespace Locking.Samples.FileStore;

/// <summary>The settings of the backend <c>file</c>.</summary>
public sealed record FileLockSettings
{
    /// <summary>Where the lock files are. Needed.</summary>
    public string? Directory { get; set; }

    /// <summary>Limit of one step. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    internal static SettingsTable<FileLockSettings> Table { get; } = new(
    [
        Settings.Text<FileLockSettings>(
            "directory", static s => s.Directory, static (s, value) => s with { Directory = value }, "Where the lock files are.") with
        {
            Default = "needed", Allowed = "the path of a directory on a local disk", Misnomers = ["path", "folder", "dir"],
        },
        CommonSettings.CommandTimeout<FileLockSettings>(static s => s.CommandTimeout,
            static (s, value) => s with { CommandTimeout = value }),
    ]);
}
