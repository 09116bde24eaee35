namespace Locking.Bench.Latency;

/// <summary>What a library needs over a network with one delay.</summary>
/// <param name="Nominal">The round trip that was asked for, in milliseconds.</param>
/// <param name="RoundTrip">A bare round trip over that network, in milliseconds, median.</param>
/// <param name="Cycle">Lock and unlock of a free key by one task, in milliseconds, median.</param>
/// <param name="HandOff">From the release to the grant of the one who waits over another connection, in milliseconds, median. None for
/// who cannot wait here.</param>
internal sealed record LatencyFigure(double Nominal, double RoundTrip, double Cycle, double? HandOff)
{
    /// <summary>A cycle in round trips, by time.</summary>
    public double CycleTrips => Cycle / RoundTrip;

    /// <summary>A hand-off in round trips, by time.</summary>
    public double? HandOffTrips => HandOff / RoundTrip;
}

/// <summary>A library's figures, and the round trips that were counted.</summary>
/// <param name="Backend">Its backend.</param>
/// <param name="Library">The library.</param>
/// <param name="Trips">Round trips of a cycle, counted on the wire, at each server.</param>
/// <param name="Requests">Pieces that the client sent in a cycle, to each server.</param>
/// <param name="HandOffTrips">Round trips of a whole hand-off, of both clients, counted on the wire, at each server: the release, and all
/// that the waiter asks until it has the lock.</param>
/// <param name="At">What it took with each delay.</param>
internal sealed record LatencyRow(
    string Backend, string Library, double Trips, double Requests, double? HandOffTrips, IReadOnlyList<LatencyFigure> At);
