using System.Globalization;

namespace Locking.Bench;

/// <summary>Measures several ways of doing the same, taking turns, so that what the machine does meanwhile meets them all.</summary>
internal sealed class Comparison
{
    private const int WarmUps = 60;

    private readonly List<(string Name, Func<int, Task> Run)> _contenders = [];

    /// <summary>Adds a contender; the first one is what the others are compared with.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="run">Does so many operations.</param>
    public Comparison Add(string name, Func<int, Task> run)
    {
        _contenders.Add((name, run));
        return this;
    }

    /// <summary>Measures nanoseconds per operation.</summary>
    /// <param name="rounds">How many rounds; in each, every contender runs once.</param>
    /// <param name="operations">Operations of a contender in a round.</param>
    public async Task<ComparisonResult> RunAsync(int rounds, int operations)
    {
        // Warm enough for tiered compilation to have settled. A loop that was called fewer than thirty times still runs the code that
        // replaced it on the stack, which is slower for one contender than for another: hence many calls, and short ones.
        for (int warmup = 0; warmup < WarmUps; warmup++)
        {
            foreach ((string _, Func<int, Task> run) in _contenders)
                await run(Math.Max(operations / 10, 8));
            if (warmup % 10 == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System);
        foreach ((string _, Func<int, Task> run) in _contenders)
            await run(operations);

        GC.Collect();
        List<double[]> nanoseconds = _contenders.ConvertAll(_ => new double[rounds]);
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < _contenders.Count; i++)
            {
                long start = TimeProvider.System.GetTimestamp();
                await _contenders[i].Run(operations);
                nanoseconds[i][round] = TimeProvider.System.GetElapsedTime(start).TotalNanoseconds / operations;
            }
        }

        return new ComparisonResult(_contenders.ConvertAll(c => c.Name), nanoseconds);
    }
}

/// <summary>Nanoseconds per operation of each contender in each round.</summary>
internal sealed class ComparisonResult(List<string> names, List<double[]> nanoseconds)
{
    /// <summary>The median of a contender.</summary>
    public double Median(int contender) => nanoseconds[contender].Median();

    /// <summary>The median over the rounds of its time divided by the first contender's in the same round.</summary>
    public double Ratio(int contender) => nanoseconds[contender].Zip(nanoseconds[0], static (own, first) => own / first).Median();

    /// <summary>All contenders' figures, to be set beside each other.</summary>
    public IReadOnlyList<BenchColumn> Columns { get; } = [.. names.Select((name, i) => new BenchColumn(name, new Dictionary<string, double>
    {
        ["µs each"] = nanoseconds[i].Median() / 1000,
        ["× the first"] = nanoseconds[i].Zip(nanoseconds[0], static (own, first) => own / first).Median(),
        ["throughput of the first"] = 1 / nanoseconds[i].Zip(nanoseconds[0], static (own, first) => own / first).Median(),
    }))];

    /// <summary>All medians, for the details of a row.</summary>
    public string Describe() =>
        string.Join(", ", names.Select((name, i) => string.Create(CultureInfo.InvariantCulture, $"{name} {Median(i):0} ns")));
}
