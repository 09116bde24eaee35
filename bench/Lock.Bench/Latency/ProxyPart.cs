using System.Globalization;

namespace Locking.Bench.Latency;

/// <summary>Proxies in a process of their own, so that they take nothing of the thread pool that is measured. Says their ports; then
/// answers "delay MICROSECONDS" (each way) and "passed", with the round trips and requests so far.</summary>
internal static class ProxyPart
{
    public static async Task RunAsync(string targets)
    {
        using DelayLine line = new();
        List<DelayProxy> proxies =
            [.. targets.Split(',').Select(target => new DelayProxy(int.Parse(target, CultureInfo.InvariantCulture), line))];
        Console.WriteLine(string.Join(',', proxies.Select(static proxy => proxy.Port.ToString(CultureInfo.InvariantCulture))));
        while (await Console.In.ReadLineAsync() is { } asked)
        {
            if (asked.StartsWith("delay ", StringComparison.Ordinal))
                line.Delay = TimeSpan.FromMicroseconds(double.Parse(asked["delay ".Length..], CultureInfo.InvariantCulture));
            // The last one is that of the echo: only for the measure of a round trip.
            Traffic passed = proxies.SkipLast(1).Aggregate(default(Traffic), static (sum, proxy) => sum + proxy.Passed);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{passed.Trips} {passed.Requests}"));
        }

        foreach (DelayProxy proxy in proxies)
            await proxy.DisposeAsync();
    }
}
