using System.Globalization;
using Locking.Bench.Broker;

namespace Locking.Bench.Latency;

/// <summary>The delaying network in front of some servers, and a bare echo behind the same delay, by which a round trip is
/// measured.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly BenchChild _proxies;
    private readonly RawTrips _echo;

    private Wire(BenchChild proxies, RawTrips echo, IReadOnlyList<int> ports)
    {
        _proxies = proxies;
        _echo = echo;
        Ports = ports;
    }

    /// <summary>Where the servers are for who comes by this network, in the order in which they were named.</summary>
    public IReadOnlyList<int> Ports { get; }

    /// <param name="targets">The servers' ports.</param>
    public static async Task<Wire> StartAsync(IReadOnlyList<int> targets)
    {
        BenchChild echo = BenchChild.OfThisProgram("echo");
        IEnumerable<int> all = targets.Append(int.Parse(await echo.ReadAsync(), CultureInfo.InvariantCulture));
        BenchChild proxies =
            BenchChild.OfThisProgram("proxy", string.Join(',', all.Select(static port => port.ToString(CultureInfo.InvariantCulture))));
        int[] ports = [.. (await proxies.ReadAsync()).Split(',').Select(static port => int.Parse(port, CultureInfo.InvariantCulture))];
        return new Wire(proxies, await RawTrips.ToAsync(echo, ports[^1]), ports[..^1]);
    }

    /// <summary>Sets how long a round trip takes from now on, half of it each way.</summary>
    public Task SetRoundTripAsync(TimeSpan trip) =>
        _proxies.AskAsync(string.Create(CultureInfo.InvariantCulture, $"delay {trip.TotalMicroseconds / 2}"));

    /// <summary>What has passed to and from all servers so far.</summary>
    public async Task<Traffic> PassedAsync()
    {
        string[] numbers = (await _proxies.AskAsync("passed")).Split(' ');
        return new Traffic(long.Parse(numbers[0], CultureInfo.InvariantCulture), long.Parse(numbers[1], CultureInfo.InvariantCulture));
    }

    /// <summary>The median of a bare round trip, in microseconds: what is added on purpose, and what loopback and this network
    /// take besides.</summary>
    public async Task<double> RoundTripAsync(int times)
    {
        await _echo.RunAsync(3);
        double[] trips = new double[times];
        for (int i = 0; i < times; i++)
        {
            long start = TimeProvider.System.GetTimestamp();
            await _echo.RunAsync(1);
            trips[i] = TimeProvider.System.GetElapsedTime(start).TotalMicroseconds;
        }

        return trips.Median();
    }

    public async ValueTask DisposeAsync()
    {
        await _echo.DisposeAsync();
        await _proxies.DisposeAsync();
    }
}
