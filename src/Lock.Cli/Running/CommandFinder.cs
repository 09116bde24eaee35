namespace Locking;

/// <summary>Looks for a command before a lock is taken for it.</summary>
internal static class CommandFinder
{
    /// <summary>Finds the file of a command.</summary>
    /// <returns>Zero, 126 or 127. On Windows always zero: the start itself searches there.</returns>
    public static int Find(string name, out string path)
    {
        if (!OperatingSystem.IsWindows())
            return CommandPath.Find(name, out path);
        path = name;
        return ExitCode.Done;
    }
}
