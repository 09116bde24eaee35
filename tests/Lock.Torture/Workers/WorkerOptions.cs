namespace Locking.Torture;

/// <summary>What a worker does.</summary>
/// <param name="Process">Its name in the history.</param>
/// <param name="Seed">The seed of its choices.</param>
/// <param name="Keys">How many keys there are.</param>
/// <param name="Tasks">How many tasks ask at once.</param>
/// <param name="Ttl">The lease.</param>
public sealed record WorkerOptions(string Process, int Seed, int Keys, int Tasks, TimeSpan Ttl)
{
    /// <summary>Which lock object of its process it has.</summary>
    public int Instance { get; init; }

    /// <summary>The longest rest between two turns.</summary>
    public TimeSpan Rest { get; init; }

    /// <summary>Among how many turns one is of each long kind.</summary>
    public int Variety { get; init; } = 10;

    /// <summary>What holders mostly do.</summary>
    public Habit Habit { get; init; }
}

/// <summary>What holders mostly do.</summary>
public enum Habit
{
    /// <summary>A bit of everything.</summary>
    Mixed,

    /// <summary>They hold longer than a lease, which is renewed.</summary>
    HoldLong,

    /// <summary>They hold longer than a lease that is not renewed.</summary>
    Overstay,

    /// <summary>They give back just before the end of a lease that is not renewed.</summary>
    HoldToTheEnd,
}
