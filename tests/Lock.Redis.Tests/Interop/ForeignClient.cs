using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Runs the real clients of other languages.</summary>
internal static class ForeignClient
{
    private static readonly Lazy<string> s_modules = new(FindModules);
    private static readonly Lazy<string> s_python = new(FindPython);

    public static Process Start(string client, int port, string key, int turns, string marker)
    {
        bool isPython = client == "redis-py";
        var start = new ProcessStartInfo(isPython ? s_python.Value : "node")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (!isPython)
            start.Environment["NODE_PATH"] = s_modules.Value;
        foreach (string? argument in new[] { Path.Combine(Here(), isPython ? "turns.py" : "turns.js"), client, $"{port}", key, $"{turns}",
            marker })
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Where the packages are; installs them when they are not there yet.</summary>
    private static string FindModules()
    {
        string root = Path.GetFullPath(Path.Combine(Here(), "..", "..", ".."));
        string modules = Path.Combine(root, ".testbed", "node", "node_modules");
        if (Directory.Exists(Path.Combine(modules, "simple-redis-mutex")))
            return modules;
        using Process install =
            Process.Start(new ProcessStartInfo(Path.Combine(root, "eng", "node-clients.sh")) { RedirectStandardError = true })
            ?? throw new InvalidOperationException("eng/node-clients.sh could not be started.");
        string errors = install.StandardError.ReadToEnd();
        install.WaitForExit();
        return install.ExitCode == 0
            ? modules
            : throw new InvalidOperationException($"The interoperation tests need node and npm: eng/node-clients.sh failed. {errors}");
    }

    /// <summary>A Python that has redis-py: Debian's has it from python3-redis.</summary>
    private static string FindPython()
    {
        foreach (string? python in new[] { Environment.GetEnvironmentVariable("LOCK_TEST_PYTHON"), "/usr/bin/python3", "python3" })
        {
            if (python is null)
                continue;
            try
            {
                using Process process =
                    Process.Start(new ProcessStartInfo(python, ["-c", "import redis"]) { RedirectStandardError = true })!;
                process.StandardError.ReadToEnd();
                process.WaitForExit();
                if (process.ExitCode == 0)
                    return python;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // Not here; the next.
            }
        }

        throw new InvalidOperationException(
            "The interoperation tests need a Python with redis-py: install python3-redis (Debian), or name one in LOCK_TEST_PYTHON.");
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
