namespace Locking.Torture;

/// <summary>What a fault of the store may use.</summary>
public sealed class Nemesis(Random random, TimeSpan ttl, HistoryLog log)
{
    /// <summary>The choices of the faults themselves.</summary>
    public Random Random { get; } = random;

    /// <summary>The lease of the run.</summary>
    public TimeSpan Ttl { get; } = ttl;

    /// <summary>Waits for a part of the ttl, at most so many times of it.</summary>
    public Task RestAsync(double most = 1) => Task.Delay(Ttl * (most * Draw()), TimeProvider.System);

    /// <summary>Something was left behind.</summary>
    public void Left(string what) => log.Add(new HistoryEvent(HistoryLog.Now, "nemesis", EventKind.Left, Text: what));

    /// <summary>Does what makes the store forget, as its topology may: whoever held before it may meet another after it.</summary>
    public async Task ForgetAsync(Func<Task> act)
    {
        ArgumentNullException.ThrowIfNull(act);
        var from = HistoryLog.Now;
        await act();
        log.Add(new HistoryEvent(HistoryLog.Now, "nemesis", EventKind.Forgot, Number: from));
    }

    /// <summary>A bad network for a while, mostly shorter than two leases.</summary>
    public async Task WeatherAsync(FaultProxy network, Weather weather)
    {
        ArgumentNullException.ThrowIfNull(network);
        network.Set(weather);
        await RestAsync(2);
        network.Set(Weather.Fair);
    }

    /// <summary>Breaks connections now and then for a while.</summary>
    public async Task BreakAsync(FaultProxy network, bool half)
    {
        ArgumentNullException.ThrowIfNull(network);
        for (var i = 0; i < 3; i++)
        {
            network.Break(half);
            await RestAsync(0.2);
        }
    }

    /// <summary>Runs a program.</summary>
    public async Task RunAsync(string program, params string[] words)
    {
        using var process = new ChildProcess(program, words);
        await process.EndAsync(CancellationToken.None);
    }

    /// <summary>From 0 to 1.</summary>
    public double Draw()
    {
        lock (Random)
            return Random.NextDouble();
    }
}
