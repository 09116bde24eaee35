using System.Diagnostics;

namespace Locking.Cli.Tests;

/// <summary>The program as people have it: what the root script publishes. Built once, if a source is newer.</summary>
/// <remarks>The full program, with MongoDB's driver, is here the one that the build has made anyway: publishing it would take another
/// minute.</remarks>
internal static class Published
{
    private static readonly Lazy<string> s_program = new(Publish);

    /// <summary>What the script has published.</summary>
    public static string Folder { get; private set; } = "";

    /// <summary>Whether it could compile natively on this machine.</summary>
    public static bool IsNative => File.Exists(Path.Combine(Folder, "lock-full"));

    public static string Root { get; } = FindRoot();

    public static string Program => s_program.Value;

    public static string Script => Path.Combine(Root, "lock");

    private static string Publish()
    {
        var start = new ProcessStartInfo(Script, "--version") { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{Script} --version: {process.ExitCode}\n{output}\n{error.GetAwaiter().GetResult()}");
        string store = Path.Combine(Root, "artifacts", "lock");
        Folder = Path.Combine(store, File.ReadAllText(Path.Combine(store, "current")).Trim());
        return IsNative ? CopyWithFullProgram() : Path.Combine(Folder, "lock");
    }

    private static string CopyWithFullProgram()
    {
        const UnixFileMode executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        string folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "native")).FullName;
        string program = Path.Combine(folder, "lock");
        string full = Path.Combine(folder, "lock-full");
        File.Copy(Path.Combine(Folder, "lock"), program, overwrite: true);
        string built = Path.Combine(AppContext.BaseDirectory, "Lock.Cli.dll");
        File.WriteAllText(full, $"#!/bin/sh\nexec dotnet '{built}' \"$@\"\n");
        File.SetUnixFileMode(program, executable);
        File.SetUnixFileMode(full, executable);
        return program;
    }

    private static string FindRoot()
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Lock.sln")))
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("Lock.sln was not found above the tests.");
        return directory;
    }
}
