using System.Runtime.InteropServices;

namespace Locking.Packages.Tests;

/// <summary>Every package, packed once into a folder of the tests' own, with a version that no other run has. Removed at the end,
/// from the user's cache too.</summary>
public sealed class PackedPackages : IAsyncLifetime
{
    public string Version { get; } = $"0.1.0-test.{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()}.{Environment.ProcessId}";

    /// <summary>For which system the command is compiled natively, which takes clang or gcc; null: for none.</summary>
    public string? NativeRuntime { get; } = HasLinker() ? RuntimeInformation.RuntimeIdentifier : null;

    public string Folder { get; } = Directory.CreateTempSubdirectory("lock-packages-").FullName;

    public async Task InitializeAsync() => await Commands.RunAsync(
        Path.Combine(Commands.Root, "eng", "pack.sh"), [Folder, Version], new Dictionary<string, string?> { ["LOCK_PACK_NO_BUILD"] = "1" });

    public Task DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        if (!Directory.Exists(cache))
            return Task.CompletedTask;
        foreach (string package in Directory.GetDirectories(cache, "locking*"))
        {
            string used = Path.Combine(package, Version);
            if (Directory.Exists(used))
                Directory.Delete(used, recursive: true);
            if (Directory.GetFileSystemEntries(package).Length == 0)
                Directory.Delete(package);
        }

        return Task.CompletedTask;
    }

    private static bool HasLinker() => Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
        .Any(static folder => File.Exists(Path.Combine(folder, "clang")) || File.Exists(Path.Combine(folder, "gcc")));
}
