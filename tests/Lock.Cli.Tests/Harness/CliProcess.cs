using System.Diagnostics;
using System.Text;

namespace Locking.Cli.Tests;

/// <summary>One started process, its output read as it comes.</summary>
internal sealed class CliProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task _outputRead;
    private readonly Task<string> _errorRead;
    private bool _disposed;

    public CliProcess(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _outputRead = ReadOutputAsync();
        _errorRead = _process.StandardError.ReadToEndAsync();
    }

    public int Pid => _process.Id;

    public bool HasExited => _process.HasExited;

    public string OutputSoFar
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public void Signal(int signal) => Assert.Equal(0, LibC.kill(Pid, signal));

    public async Task WriteAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        await _process.StandardInput.FlushAsync();
    }

    public void CloseInput() => _process.StandardInput.Close();

    /// <summary>Waits until the output has a text.</summary>
    public Task SeesAsync(string text) => Eventually.TrueAsync(
        () => OutputSoFar.Contains(text, StringComparison.Ordinal), () => $"'{text}' in the output, which is:\n{OutputSoFar}");

    public async Task<CliResult> ResultAsync()
    {
        using var patience = new CancellationTokenSource(s_patience, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(patience.Token);
            await _outputRead.WaitAsync(patience.Token);
            return new CliResult(_process.ExitCode, OutputSoFar, await _errorRead.WaitAsync(patience.Token));
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException(
                $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} did not end "
                + $"(exited: {_process.HasExited}), or "
                + $"somebody keeps its output open. Output so far:\n{OutputSoFar}");
        }
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private async Task ReadOutputAsync()
    {
        char[] buffer = new char[1024];
        int count;
        while ((count = await _process.StandardOutput.ReadAsync(buffer)) > 0)
        {
            lock (_output)
                _output.Append(buffer, 0, count);
        }
    }
}

internal sealed record CliResult(int Code, string Output, string Error);
