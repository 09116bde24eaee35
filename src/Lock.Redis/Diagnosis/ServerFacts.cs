namespace Locking;

/// <summary>What a server tells of itself. What it does not tell, or is not allowed to, is null.</summary>
internal sealed record ServerFacts
{
    /// <summary>Where it is.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it answered.</summary>
    public bool Answers { get; init; }

    /// <summary>Whether it let us ask how it is set up and how it is doing (INFO).</summary>
    public bool IsOpen { get; init; }

    /// <summary><c>Redis</c> or <c>Valkey</c>.</summary>
    public string Product { get; init; } = "Redis";

    /// <summary>The product's own version.</summary>
    public string? Version { get; init; }

    /// <summary>The version of Redis whose commands it has.</summary>
    public Version? Redis { get; init; }

    /// <summary>New at each start, and different for each server.</summary>
    public string? RunId { get; init; }

    public TimeSpan? Uptime { get; init; }

    public bool IsReplica { get; init; }

    public int Replicas { get; init; }

    /// <summary>Bytes; 0 for no limit.</summary>
    public long MaxMemory { get; init; }

    public long UsedMemory { get; init; }

    public string? EvictionPolicy { get; init; }

    public bool? AppendsToFile { get; init; }

    /// <summary><c>always</c>, <c>everysec</c> or <c>no</c>.</summary>
    public string? AppendsWhen { get; init; }

    /// <summary>Whether it saves snapshots now and then.</summary>
    public bool? SavesSnapshots { get; init; }

    /// <summary>Whether the last attempt to save anything failed.</summary>
    public bool FailsToSave { get; init; }

    public bool IsCluster { get; init; }

    /// <summary>Its clock minus ours, measured in the middle of the request.</summary>
    public TimeSpan? ClockOffset { get; init; }

    /// <summary>How long a short request took.</summary>
    public TimeSpan? RoundTrip { get; init; }
}
