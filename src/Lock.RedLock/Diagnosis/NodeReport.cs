namespace Locking;

/// <summary>What was found out about one node of a quorum.</summary>
/// <param name="Name">The endpoint, as it is configured.</param>
/// <param name="Connector">How it is reached.</param>
internal sealed record NodeReport(string Name, RedisConnector Connector)
{
    /// <summary>What it told; null when it did not answer.</summary>
    public ServerFacts? Server { get; init; }

    /// <summary>Why it did not answer.</summary>
    public string? Fault { get; init; }

    /// <summary>What is noted about its vote; null when it did not tell.</summary>
    public RedisLife? Life { get; init; }

    /// <summary>For how long still it does not vote; null when it votes, or nothing is noted.</summary>
    public TimeSpan? AbstainsFor => Life is { IsNoted: true } life && life.Rest > TimeSpan.Zero ? life.Rest : null;
}
