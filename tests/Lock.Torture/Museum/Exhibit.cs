namespace Locking.Torture;

/// <summary>A fault that lock software had or has, as a small broken variant.</summary>
/// <param name="Name">Its name, for the command line.</param>
/// <param name="Story">Which software, and what follows.</param>
/// <param name="Rules">The rules that such a history breaks; one of them is enough.</param>
/// <param name="Client">Makes a worker's client of its store.</param>
/// <param name="Store">Makes a worker's store (from 0) over the table that all share.</param>
public sealed record Exhibit(
    string Name, string Story, Rule[] Rules, Func<int, ILockStore, ITortureClient> Client, Func<Room, int, ILockStore> Store)
{
    /// <summary>How it is run.</summary>
    public Func<Arena, Arena> Arrange { get; init; } = static arena => arena;

    /// <summary>Runs it once.</summary>
    public async Task<(History History, IReadOnlyList<Violation> Violations)> RunAsync(int seed, TimeSpan time)
    {
        using var room = new Room(seed);
        Arena arena = Arrange(new Arena(seed, time));
        History history = await arena.RunAsync(Name, Client, worker => Store(room, worker));
        return (history, Specification.Check(history));
    }

    /// <summary>Runs it with one seed after another until the specification finds what it must.</summary>
    /// <returns>The seed and what was found; null when nothing was in the time.</returns>
    public async Task<(int Seed, History History, Violation Violation)?> FindAsync(int seed, TimeSpan slice, TimeSpan atMost)
    {
        long limit = HistoryLog.Now + atMost.Ticks;
        for (int next = seed; HistoryLog.Now < limit; next++)
        {
            (History history, IReadOnlyList<Violation> violations) = await RunAsync(next, slice);
            if (violations.FirstOrDefault(one => Rules.Contains(one.Rule)) is { } found)
                return (next, history, found);
        }

        return null;
    }
}

/// <summary>What the workers of an exhibit share.</summary>
public sealed class Room(int seed) : IDisposable
{
    private readonly List<IDisposable> _things = [];
    private readonly Dictionary<string, object> _shared = new(StringComparer.Ordinal);

    /// <summary>The table.</summary>
    public InMemoryLockTable Table { get; } = new();

    /// <summary>For what happens by chance.</summary>
    public Random Random { get; } = new(seed);

    /// <summary>A thing that is made once.</summary>
    public T Share<T>(string name, Func<T> make)
        where T : notnull
    {
        if (!_shared.TryGetValue(name, out object? thing))
        {
            _shared[name] = thing = make();
            if (thing is IDisposable disposable)
                _things.Add(disposable);
        }

        return (T)thing;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable thing in _things)
            thing.Dispose();
        Table.Dispose();
    }
}
