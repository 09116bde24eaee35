using System.ComponentModel;
using System.Diagnostics;

namespace Locking;

/// <summary>A command on Windows, with less than elsewhere: no process group and no signals but Ctrl-C, which the console gives to both;
/// the loss of the lock ends the process tree at once, and a command whose <c>lock run</c> was killed goes on.</summary>
internal sealed class WindowsCommand : RunningCommand
{
    private readonly Process _process;

    private WindowsCommand(Process process)
    {
        _process = process;
    }

    /// <inheritdoc/>
    public override int Pid => _process.Id;

    /// <inheritdoc/>
    public override bool HasRemains => false;

    /// <summary>Starts it.</summary>
    /// <returns>Zero, or 126 or 127 when it could not be started.</returns>
    public static int Start(string[] words, ReadOnlySpan<(string Name, string? Value)> variables, out RunningCommand? started)
    {
        const int noSuchFile = 2;
        var start = new ProcessStartInfo(words[0]) { UseShellExecute = false };
        foreach (string? word in words.AsSpan(1))
            start.ArgumentList.Add(word);
        foreach ((string name, string? value) in variables)
            start.Environment[name] = value;
        started = null;
        try
        {
            started = new WindowsCommand(Process.Start(start)!);
            return 0;
        }
        catch (Win32Exception exception)
        {
            return exception.NativeErrorCode == noSuchFile ? ExitCode.NotFound : ExitCode.NotExecutable;
        }
    }

    /// <inheritdoc/>
    public override int WaitForExit()
    {
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <inheritdoc/>
    public override void Terminate() => Kill();

    /// <inheritdoc/>
    public override void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended meanwhile.
        }
    }

    /// <inheritdoc/>
    public override void Forward(int signal)
    {
        // The console has told it already.
    }

    /// <inheritdoc/>
    public override void Continue()
    {
    }

    /// <inheritdoc/>
    public override void Dispose() => _process.Dispose();
}
