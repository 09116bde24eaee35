namespace Locking.Providers;

/// <summary>All settings that one backend has, besides those of the engine.</summary>
public interface ISettingsTable
{
    /// <summary>The rows, in the order of the documentation.</summary>
    IReadOnlyList<Setting> Rows { get; }

    /// <summary>Groups of settings that say the same in different ways, of which a configuration may use one: host and port, or a path, or
    /// a url.</summary>
    IReadOnlyList<IReadOnlyList<string>> Alternatives { get; }

    /// <summary>What this backend does anyway, whatever it is asked: settings of others that it need not refuse.</summary>
    IReadOnlyList<string> Needless { get; }

    /// <summary>What to say when a setting of another backend is met here: by its name, a sentence that helps.</summary>
    IReadOnlyDictionary<string, string> Hints { get; }

    /// <summary>Whether there is no server: a configuration that moves here leaves behind what says how to reach one.</summary>
    bool IsLocal { get; }
}
