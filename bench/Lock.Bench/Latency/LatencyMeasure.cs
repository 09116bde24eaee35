namespace Locking.Bench.Latency;

/// <summary>Measures one library over the delaying network.</summary>
internal sealed class LatencyMeasure(Wire wire, Backend backend)
{
    private const string Key = "latency";

    /// <summary>Cycles that are timed together.</summary>
    private const int Batch = 4;

    private static readonly double[] s_nominal = [1, 10];

    /// <summary>Measures it.</summary>
    /// <param name="name">The backend.</param>
    /// <param name="contender">The library.</param>
    /// <param name="rounds">How many hand-offs, and batches of cycles, with each delay.</param>
    public async Task<LatencyRow> RunAsync(string name, Contender contender, int rounds)
    {
        await wire.SetRoundTripAsync(TimeSpan.Zero);
        await using ILockLibrary one = await contender.ConnectAsync(wire.Ports);
        await using ILockLibrary other = await contender.ConnectAsync(wire.Ports);
        await one.CycleAsync(Key, 100);
        await other.CycleAsync(Key, 100);
        List<LatencyFigure> figures = [];
        Traffic cycles = default;
        double? trips = null;
        foreach (double nominal in s_nominal)
        {
            await wire.SetRoundTripAsync(TimeSpan.FromMilliseconds(nominal));
            double trip = await wire.RoundTripAsync(50) / 1000;
            (double cycle, cycles) = await CyclesAsync(one, rounds);
            (double HandOff, double Trips)? handed = contender.CanWait ? await HandOffsAsync(one, other, nominal, rounds) : null;
            figures.Add(new LatencyFigure(nominal, trip, cycle, handed?.HandOff));
            trips = handed?.Trips;
        }

        await wire.SetRoundTripAsync(TimeSpan.Zero);
        double all = rounds * Batch * backend.Width;
        return new LatencyRow(name, contender.Name, cycles.Trips / all, cycles.Requests / all, trips, figures);
    }

    private async Task<(double Milliseconds, Traffic Traffic)> CyclesAsync(ILockLibrary library, int rounds)
    {
        await library.CycleAsync(Key, 2);
        double[] each = new double[rounds];
        Traffic before = await wire.PassedAsync();
        for (int i = 0; i < rounds; i++)
        {
            long start = TimeProvider.System.GetTimestamp();
            await library.CycleAsync(Key, Batch);
            each[i] = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds / Batch;
        }

        return (each.Median(), await wire.PassedAsync() - before);
    }

    /// <summary>Two clients hand a key to and fro: one holds it, the other one waits and has had time to settle.</summary>
    private async Task<(double Milliseconds, double Trips)> HandOffsAsync(ILockLibrary one, ILockLibrary other, double nominal, int rounds)
    {
        TimeSpan settled = TimeSpan.FromMilliseconds(30 + (8 * nominal));
        double[] each = new double[rounds];
        double[] trips = new double[rounds];
        IAsyncDisposable held = await one.TakeAsync(Key);
        // The first two are not counted: who has never waited has more to say to the server.
        for (int i = -2; i < rounds; i++)
        {
            Task<IAsyncDisposable> waiting = other.TakeAsync(Key);
            await Task.Delay(settled, TimeProvider.System);
            Traffic before = await wire.PassedAsync();
            long start = TimeProvider.System.GetTimestamp();
            Task given = held.DisposeAsync().AsTask();
            held = await waiting;
            double took = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            await given;
            if (i >= 0)
                (each[i], trips[i]) = (took, (double)(await wire.PassedAsync() - before).Trips / backend.Width);
            (one, other) = (other, one);
        }

        await held.DisposeAsync();
        return (each.Median(), trips.Average());
    }
}
