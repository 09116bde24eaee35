using System.Diagnostics;
using System.Globalization;

namespace Locking;

/// <summary>The program that has every driver. One that is compiled natively has no driver that does not work so, and turns itself into the
/// other where its backend is asked for.</summary>
internal static unsafe class FullProgram
{
    /// <summary>Turns this process into the full program when the backend's driver is not in this one: then it does not return.</summary>
    /// <param name="type">The backend.</param>
    /// <exception cref="LockConfigException">There is no full program, or it cannot be run.</exception>
    public static void BecomeWhereNeeded(string type)
    {
        if (!string.Equals(type, "mongo", StringComparison.OrdinalIgnoreCase)
            || !AppContext.TryGetSwitch("Locking.Mongo.IsSupported", out bool supported) || supported)
        {
            return;
        }

        string path = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "lock-full.exe" : "lock-full");
        string[] words = Environment.GetCommandLineArgs()[1..];
        if (OperatingSystem.IsWindows() && File.Exists(path))
            Environment.Exit(RunChild(path, words));
        string error = OperatingSystem.IsWindows() ? "" : $" (error {Execute(path, words).ToString(CultureInfo.InvariantCulture)})";
        throw new LockConfigException(
            "type",
            $"is {type}, whose driver cannot be compiled natively, and the program that has it, '{path}', could not be run{error}.");
    }

    /// <returns>The error: without one there is nobody left to return to.</returns>
    private static int Execute(string path, string[] words)
    {
        using CStringArray environment = InheritedEnvironment.With();
        using var arguments = new CStringArray();
        arguments.Add(path);
        foreach (byte[] word in CommandWords.AsGiven(words))
            arguments.Add(word);
        fixed (byte* file = new CString(path).Bytes)
            _ = LibC.execve(file, arguments.Pointer, environment.Pointer);
        return LibC.Errno;
    }

    private static int RunChild(string path, string[] words)
    {
        using Process child = Process.Start(new ProcessStartInfo(path, words) { UseShellExecute = false })!;
        child.WaitForExit();
        return child.ExitCode;
    }
}
