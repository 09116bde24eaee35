namespace Locking.Samples.Tests;

/// <summary>A directory of its own for one test, removed with it.</summary>
public sealed class LockDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lock-file-store-").FullName;

    /// <summary>A directory that cannot be made, because a file stands in its place.</summary>
    public string Impossible()
    {
        string file = System.IO.Path.Combine(Path, "a-file");
        File.WriteAllText(file, "");
        return System.IO.Path.Combine(file, "locks");
    }

    /// <summary>A directory whose gate somebody else keeps closed.</summary>
    public string Silent()
    {
        string directory = Directory.CreateDirectory(System.IO.Path.Combine(Path, "silent")).FullName;
        _gate ??= new FileStream(System.IO.Path.Combine(directory, ".gate"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        return directory;
    }

    public void Dispose()
    {
        _gate?.Dispose();
        Directory.Delete(Path, recursive: true);
    }

    private FileStream? _gate;
}
