namespace Locking;

/// <summary>What a benchmark does.</summary>
/// <param name="Duration">How long all of it takes, warming up included.</param>
/// <param name="Tasks">How many lock at the same time in the part with many keys.</param>
/// <param name="Keys">How many keys these share out among themselves.</param>
/// <param name="Clients">How many clients, each with a connection of its own, contend for one key.</param>
internal sealed record BenchPlan(TimeSpan Duration, int Tasks, int Keys, int Clients);

/// <summary>What one part of a benchmark has shown.</summary>
internal sealed class BenchPart(string name)
{
    /// <summary>Its name, for programs.</summary>
    public string Name { get; } = name;

    /// <summary>How long was measured.</summary>
    public TimeSpan Elapsed { get; set; }

    /// <summary>The parts of a cycle that are of interest: lock and unlock where nobody else wants the key, the wait where others
    /// do.</summary>
    public Latencies Latencies { get; } = new();

    /// <summary>Grants of each client, where several contend.</summary>
    public long[] Shares { get; set; } = [];

    /// <summary>Grants while another client believed to hold the key, or with a token that is not higher than the one before. None,
    /// ever.</summary>
    public int Overlaps { get; set; }

    /// <summary>Locks that were gone before they were given back.</summary>
    public int Lost { get; set; }

    public double PerSecond => Elapsed > TimeSpan.Zero ? Latencies.Count / Elapsed.TotalSeconds : 0;

    /// <summary>What the least served client got of the most served one's grants: 1 is fair.</summary>
    public double Fairness => Shares.Length == 0 || Shares.Max() == 0 ? 0 : (double)Shares.Min() / Shares.Max();
}
