using System.Globalization;

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
        long from = HistoryLog.Now;
        await act();
        log.Add(new HistoryEvent(HistoryLog.Now, "nemesis", EventKind.Forgot, Number: from));
    }

    /// <summary>Waits for what servers that are well do within a moment.</summary>
    /// <exception cref="TimeoutException">Not within a minute.</exception>
    public static async Task UntilAsync(Func<Task<bool>> reached, string what)
    {
        ArgumentNullException.ThrowIfNull(reached);
        for (long limit = HistoryLog.Now + TimeSpan.FromMinutes(1).Ticks; !await reached();)
        {
            if (HistoryLog.Now > limit)
                throw new TimeoutException($"Did not happen within a minute: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
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
        for (int i = 0; i < 3; i++)
        {
            network.Break(half);
            await RestAsync(0.2);
        }
    }

    /// <summary>Processes have no descriptor left for a while.</summary>
    /// <param name="processes">Their numbers.</param>
    /// <param name="provoke">Makes them want some.</param>
    public async Task ExhaustDescriptorsAsync(IReadOnlyList<int> processes, Action provoke)
    {
        ArgumentNullException.ThrowIfNull(processes);
        ArgumentNullException.ThrowIfNull(provoke);
        Dictionary<string, string> limits = new(StringComparer.Ordinal);
        foreach (string process in processes.Select(static one => one.ToString(CultureInfo.InvariantCulture)))
        {
            try
            {
                limits[process] = File.ReadLines($"/proc/{process}/limits")
                    .First(static line => line.StartsWith("Max open files", StringComparison.Ordinal))
                    .Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
                int now = Directory.GetFiles($"/proc/{process}/fd").Length;
                await RunAsync("prlimit", $"--pid={process}", string.Create(CultureInfo.InvariantCulture, $"--nofile={now}:"));
            }
            catch (IOException)
            {
                // It has ended.
            }
        }

        provoke();
        await RestAsync();
        foreach ((string process, string limit) in limits)
            await RunAsync("prlimit", $"--pid={process}", $"--nofile={limit}:");
    }

    /// <summary>Runs a program.</summary>
    public static async Task RunAsync(string program, params string[] words)
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
