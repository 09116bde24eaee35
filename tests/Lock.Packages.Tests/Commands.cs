using System.Diagnostics;

namespace Locking.Packages.Tests;

/// <summary>Programs that run to their end, and the repository that the tests were built from.</summary>
internal static class Commands
{
    public static string Root { get; } = FindRoot();

    /// <summary>Runs a program; an exit code that is not the expected one is a failure that shows what it printed.</summary>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? variables = null, int expected = 0)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true,
            RedirectStandardInput = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        foreach ((string name, string? value) in variables ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == expected,
            $"{program} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}:\n{await output}\n{await error}");
        return await output;
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Lock.sln")))
                return at.FullName;
        }

        throw new InvalidOperationException("The tests run outside of their repository (no Lock.sln above them).");
    }
}
