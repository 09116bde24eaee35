using System.Diagnostics;

namespace Locking.Cli.Tests;

/// <summary>The program as people have it: what the root script publishes. Built once, if a source is newer.</summary>
internal static class Published
{
    private static readonly Lazy<string> _program = new(Publish);

    public static string Root { get; } = FindRoot();

    public static string Program => _program.Value;

    public static string Script => Path.Combine(Root, "lock");

    private static string Publish()
    {
        var start = new ProcessStartInfo(Script, "--version") { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{Script} --version: {process.ExitCode}\n{output}\n{error.GetAwaiter().GetResult()}");
        var store = Path.Combine(Root, "artifacts", "lock");
        return Path.Combine(store, File.ReadAllText(Path.Combine(store, "current")).Trim(), "lock");
    }

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Lock.sln")))
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("Lock.sln was not found above the tests.");
        return directory;
    }
}
