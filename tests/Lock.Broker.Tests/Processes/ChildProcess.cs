using System.Diagnostics;

namespace Locking;

/// <summary>The holder program as a child that can be killed, paused and asked. Killed at the latest when it is disposed.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private readonly Task<string> _errors;

    private ChildProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "Lock.HolderProcess.dll");

    public int Id => _process.Id;

    public static ChildProcess Start(string? config, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true };
        start.ArgumentList.Add(Program);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        if (config is not null)
            start.Environment["LOCK_CONFIG"] = config;
        return new ChildProcess(Process.Start(start)!);
    }

    public async Task<string> ReadLineAsync() =>
        await _process.StandardOutput.ReadLineAsync().WaitAsync(s_patience) ?? throw new InvalidOperationException("The child has ended.");

    public async Task<string> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        return await ReadLineAsync();
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(s_patience);
    }

    /// <summary>SIGSTOP, and the moment in which its threads may still run is over.</summary>
    public async Task PauseAsync()
    {
        await SignalAsync("-STOP");
        while (!IsStopped())
            await Task.Delay(1);
    }

    public Task ResumeAsync() => SignalAsync("-CONT");

    /// <summary>Ends its input and waits for its end, which must be a good one: no task of it ended with a fault that nobody looked at,
    /// either.</summary>
    public async Task EndAsync()
    {
        _process.StandardInput.Close();
        await ExpectSuccessAsync();
    }

    /// <summary>Waits for its end, however, and gives what it said of it.</summary>
    public async Task<(int ExitCode, string Errors)> EndedAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        return (_process.ExitCode, await _errors);
    }

    /// <summary>Waits for its end, which must be a good one.</summary>
    public async Task ExpectSuccessAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        Assert.True(_process.ExitCode == 0, $"exit code {_process.ExitCode}: {await _errors}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
        Assert.DoesNotContain("unobserved:", await _errors.WaitAsync(s_patience), StringComparison.Ordinal);
    }

    /// <summary>Sends a signal; a process that is gone meanwhile is no error.</summary>
    public async Task TrySignalAsync(string signal)
    {
        using Process kill = Process.Start(new ProcessStartInfo("kill",
            [$"-{signal}", $"{_process.Id}"]) { RedirectStandardError = true })!;
        await kill.WaitForExitAsync().WaitAsync(s_patience);
    }

    /// <summary>Waits until it has ended, however.</summary>
    public Task WaitForEndAsync() => _process.WaitForExitAsync().WaitAsync(s_patience);

    private bool IsStopped() =>
        Directory.EnumerateDirectories($"/proc/{_process.Id}/task")
            .All(static thread => File.ReadAllText(Path.Combine(thread, "stat")) is var stat && stat[stat.LastIndexOf(')') + 2] == 'T');

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, $"{_process.Id}"]);
        await kill.WaitForExitAsync().WaitAsync(s_patience);
        Assert.Equal(0, kill.ExitCode);
    }
}
