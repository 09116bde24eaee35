namespace Locking.Torture;

/// <summary>A run of the torture.</summary>
/// <param name="Backend">Which backend.</param>
/// <param name="Seed">The seed of all choices. What the machine makes of them differs from run to run.</param>
/// <param name="Time">How long the storm lasts.</param>
/// <param name="Folder">Where histories and servers' files go.</param>
public sealed record StormOptions(string Backend, int Seed, TimeSpan Time, string Folder)
{
    /// <summary>Which client.</summary>
    public string Client { get; init; } = "own";

    /// <summary>How many worker processes there are.</summary>
    public int Workers { get; init; } = 4;

    /// <summary>How many tasks each has.</summary>
    public int Tasks { get; init; } = 4;

    /// <summary>How many keys there are.</summary>
    public int Keys { get; init; } = 6;

    /// <summary>The lease.</summary>
    public TimeSpan Ttl { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The margin; null: as the backend's configuration has it, and 3 ms in which a watchdog sees no gap.</summary>
    public TimeSpan? Margin { get; init; }

    /// <summary>How long after the faults everybody must have been served.</summary>
    public TimeSpan Bound { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Among how many turns one is of each long kind.</summary>
    public int Variety { get; init; } = 200;

    /// <summary>The longest calm between two faults, beside a tenth of a lease: in leases.</summary>
    public double Pause { get; init; } = 0.6;

    /// <summary>Which faults; null: all that there are.</summary>
    public IReadOnlyList<string>? Faults { get; init; }
}
