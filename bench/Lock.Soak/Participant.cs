using System.Diagnostics;
using System.Globalization;

namespace Locking.Soak;

/// <summary>One process, and what it has said.</summary>
internal sealed class Participant : IDisposable
{
    private readonly Process _process;
    private readonly Task _reading;

    public Participant(string name, string program, params ReadOnlySpan<string> words)
    {
        Name = name;
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string word in words)
            start.ArgumentList.Add(word);
        _process = Process.Start(start)!;
        _reading = Task.Run(ReadAsync);
    }

    public string Name { get; }

    /// <summary>All that it has asked for, in its order of asking. Complete when it has ended.</summary>
    public List<Turn> Turns { get; } = [];

    /// <summary>When it could not run. The last span has no end when it was killed.</summary>
    public List<Span> Away { get; } = [];

    public TaskCompletionSource<string> FirstLine { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static long Now => TimeProvider.System.GetElapsedTime(0).Ticks;

    public static Participant Own(string name, params ReadOnlySpan<string> words) =>
        new(name, Environment.ProcessPath!,
            [.. Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"
                ? [typeof(Participant).Assembly.Location]
                : Array.Empty<string>(), "--child", .. words]);

    public async Task PauseAsync(TimeSpan time)
    {
        long from = Now;
        await SignalAsync("-STOP");
        await Task.Delay(time, TimeProvider.System, CancellationToken.None);
        await SignalAsync("-CONT");
        Away.Add(new Span(from, Now));
    }

    public async Task KillAsync()
    {
        Away.Add(new Span(Now, long.MaxValue));
        _process.Kill();
        await EndAsync();
    }

    /// <summary>Ends it by the end of its input, and reads what it has said.</summary>
    public async Task EndAsync()
    {
        if (!_process.HasExited)
            _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        await _reading;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        Dictionary<string, Turn> open = [];
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            FirstLine.TrySetResult(line);

            // A process that is killed may leave half a line.
            if (line.Split(' ') is not [var what, var at, var key, var id]
                || !long.TryParse(at, CultureInfo.InvariantCulture, out long time))
                continue;
            if (what == "ask")
                Turns.Add(open[id] = new Turn(key, time));
            else if (open.TryGetValue(id, out Turn? turn))
                (turn.Got, turn.Ended) = what == "got" ? (time, turn.Ended) : (turn.Got, time);
        }
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }
}

/// <summary>One turn: asked, got, ended; <see cref="long.MaxValue"/> for what did not happen.
/// In ticks of the system's monotonic time.</summary>
internal sealed class Turn(string key, long asked)
{
    public string Key { get; } = key;

    public long Asked { get; } = asked;

    public long Got { get; set; } = long.MaxValue;

    public long Ended { get; set; } = long.MaxValue;
}

/// <summary>A span of time.</summary>
internal readonly record struct Span(long From, long To);
