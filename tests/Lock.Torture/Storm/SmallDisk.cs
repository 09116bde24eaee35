namespace Locking.Torture;

/// <summary>A file system of some megabytes, in memory, for the files of a store: it can be filled up.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    /// <summary>What this machine lacks for it; null: nothing.</summary>
    public static string? Lack => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess
        ? null
        : "only root may mount the small disk that is filled.";

    /// <summary>Mounts one in place of a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where. Empty.</param>
    /// <param name="megabytes">Its size.</param>
    /// <param name="options">Further options of the mount, such as <c>uid=65534</c>.</param>
    /// <exception cref="InvalidOperationException">It cannot be mounted.</exception>
    public static async Task<SmallDisk> MountAsync(string folder, int megabytes, params string[] options)
    {
        if (Lack is { } lack)
            throw new InvalidOperationException(lack);
        Directory.CreateDirectory(folder);
        await RunAsync("mount", "-t", "tmpfs", "-o", string.Join(',', [$"size={megabytes}m", .. options]), "tmpfs", folder);
        return new SmallDisk(folder);
    }

    /// <summary>Takes all that is left on it.</summary>
    public void Fill()
    {
        using FileStream filler = new(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (int piece = 1 << 20; piece > 0; piece /= 16)
        {
            try
            {
                while (true)
                    filler.Write(new byte[piece]);
            }
            catch (IOException)
            {
                // No room for a piece of this size.
            }
        }
    }

    /// <summary>Gives back what was taken.</summary>
    public void Empty() => File.Delete(Filler);

    /// <summary>Takes it away, with all that is on it, also while somebody has files open there.</summary>
    public async ValueTask DisposeAsync() => await RunAsync("umount", "--lazy", _folder);

    private string Filler => Path.Combine(_folder, "filler");

    private static async Task RunAsync(string program, params string[] words)
    {
        List<string> said = [];
        using ChildProcess process = new(program, words, hear: said.Add);
        await process.EndAsync(CancellationToken.None);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', words)}: {string.Join("; ", said)}");
    }
}
