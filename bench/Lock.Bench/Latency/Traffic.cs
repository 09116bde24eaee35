namespace Locking.Bench.Latency;

/// <summary>What has passed between clients and a server.</summary>
/// <param name="Trips">Round trips: how often a connection turned from answers to a request. Requests that follow one another without
/// waiting for an answer are one.</param>
/// <param name="Requests">Pieces that clients sent; a server's notices are none.</param>
internal readonly record struct Traffic(long Trips, long Requests)
{
    public static Traffic operator -(Traffic after, Traffic before) =>
        new(after.Trips - before.Trips, after.Requests - before.Requests);

    public static Traffic operator +(Traffic one, Traffic other) => new(one.Trips + other.Trips, one.Requests + other.Requests);
}
