namespace Locking;

/// <summary>The directory of a broker's socket: nobody but its user may enter it, so that nobody else can be the broker or reach
/// it.</summary>
internal static class SocketDirectory
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the directory if it is missing.</summary>
    /// <exception cref="LockStoreException">It cannot be made, or is not private; the message names it and what is wrong.</exception>
    public static void Prepare(string directory)
    {
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(directory);
            else
                Directory.CreateDirectory(directory, Private);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Error($"The directory '{directory}' for the broker's socket cannot be made: {e.Message}", e);
        }

        Check(directory);
    }

    /// <summary>Checks an existing directory before it is trusted.</summary>
    /// <exception cref="LockStoreException">It is a link, somebody else's, or open to others; the message says which.</exception>
    public static void Check(string directory)
    {
        if (OperatingSystem.IsWindows())
            return;
        var info = new DirectoryInfo(directory);
        if (!info.Exists)
            throw Error($"The directory '{directory}' for the broker's socket does not exist or is no directory.");
        if (info.LinkTarget is not null)
            throw Error($"'{directory}' is a symbolic link; the broker's socket must lie in a real directory of this user.");
        if (UnixFiles.OwnerOf(directory) is { } owner && owner != UnixFiles.UserId)
        {
            throw Error($"The directory '{directory}' for the broker's socket belongs to user {owner}, not to this user "
                + $"({UnixFiles.UserId}). "
                + "Have it removed, or choose another connection.path.");
        }

        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        if ((info.UnixFileMode & others) != UnixFileMode.None)
        {
            // A directory that everybody shares, such as /tmp, must stay as it is.
            string advice = (info.UnixFileMode & (UnixFileMode.StickyBit | UnixFileMode.OtherWrite)) != UnixFileMode.None
                ? "Choose a directory of this user's own in connection.path (--path), with mode 700."
                : $"Choose another connection.path (--path), or run: chmod 700 '{directory}'";
            throw Error($"The directory '{directory}' for the broker's socket is open to other users (mode "
                + $"{Convert.ToString((int)info.UnixFileMode & 0x1ff, 8)}). {advice}");
        }
    }

    private static LockStoreException Error(string message, Exception? inner = null) =>
        new(message, isTransient: false, inner) { MayHaveBeenApplied = false };
}
