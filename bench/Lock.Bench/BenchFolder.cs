namespace Locking.Bench;

/// <summary>Where the pages and pictures of the benchmarks are kept.</summary>
internal static class BenchFolder
{
    /// <summary>The folder <c>bench</c> of the repository that this program was built in.</summary>
    public static string Path { get; } = Find();

    public static string Page => System.IO.Path.Combine(Path, "README.md");

    public static string Curves => Directory.CreateDirectory(System.IO.Path.Combine(Path, "curves")).FullName;

    private static string Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(at.FullName, "Lock.sln")))
                return System.IO.Path.Combine(at.FullName, "bench");
        }

        throw new InvalidOperationException("The benchmarks run outside of their repository (no Lock.sln above them).");
    }
}
