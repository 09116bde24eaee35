using System.Diagnostics;
using System.Globalization;

namespace Locking.Peers.Tests;

/// <summary>A process with one of the libraries. Killed at the latest when it is disposed.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    /// <summary>Only what hangs takes so long.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private PeerProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public static async Task<PeerProcess> StartAsync(string library, PeerServers servers)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true };
        string program = Path.Combine(AppContext.BaseDirectory, "Lock.Peers.Process.dll");
        foreach (string? argument in new[] { program, library, string.Join(',', servers.Ports), servers.Map })
            start.ArgumentList.Add(argument);
        var process = new PeerProcess(Process.Start(start)!);
        Assert.Equal("ready", await process.ReadAsync());
        return process;
    }

    public async Task<string> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        return await ReadAsync();
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(s_patience);
    }

    /// <summary>SIGSTOP, until every thread stands.</summary>
    public async Task PauseAsync()
    {
        await SignalAsync("-STOP");
        while (!Directory.EnumerateDirectories($"/proc/{_process.Id}/task").All(static thread =>
            File.ReadAllText(Path.Combine(thread, "stat")) is var stat && stat[stat.LastIndexOf(')') + 2] == 'T'))
        {
            await Task.Delay(1);
        }
    }

    public Task ResumeAsync() => SignalAsync("-CONT");

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }

    private async Task<string> ReadAsync() =>
        await _process.StandardOutput.ReadLineAsync().WaitAsync(s_patience)
            ?? throw new InvalidOperationException($"The process has ended: {await _errors}");

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }
}
