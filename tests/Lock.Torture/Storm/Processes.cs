using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Locking.Torture;

/// <summary>A process that was started here, and the signals that it gets.</summary>
public sealed partial class ChildProcess : IDisposable
{
    private const int Term = 15;
    private const int Stop = 19;
    private const int Cont = 18;

    private readonly Process _process;

    /// <summary>Starts a program. What it says line by line goes to <paramref name="hear"/>.</summary>
    public ChildProcess(string program, IEnumerable<string> words, IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? hear = null, string? folder = null)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true, WorkingDirectory = folder ?? "" };
        foreach (string word in words)
            start.ArgumentList.Add(word);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Hear(line.Data);
        _process.ErrorDataReceived += (_, line) => Hear(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();

        void Hear(string? line)
        {
            if (line is not null)
                hear?.Invoke(line);
        }
    }

    /// <summary>Its number.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>With what it has ended.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>This program itself with other words.</summary>
    public static ChildProcess Own(IEnumerable<string> words, IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? hear = null) =>
        new("dotnet", [typeof(ChildProcess).Assembly.Location, .. words], environment, hear);

    /// <summary>A line for its input.</summary>
    public void Say(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It has ended.
        }
    }

    /// <summary>SIGKILL, and its end.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and its end; SIGKILL when that does not come.</summary>
    /// <returns>Whether it came.</returns>
    public async Task<bool> TermAsync(TimeSpan atMost)
    {
        Send(Term);
        using var limit = new CancellationTokenSource(atMost);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
            return false;
        }
    }

    /// <summary>Its end by the end of its input.</summary>
    /// <returns>Whether it came.</returns>
    public async Task<bool> CloseAsync(TimeSpan atMost)
    {
        _process.StandardInput.Close();
        using var limit = new CancellationTokenSource(atMost);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Its end by itself.</summary>
    public Task EndAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    /// <summary>SIGSTOP.</summary>
    public void Freeze() => Send(Stop);

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Send(Cont);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Send(int signal)
    {
        if (!_process.HasExited)
            _ = Kill(_process.Id, signal);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int process, int signal);
}
