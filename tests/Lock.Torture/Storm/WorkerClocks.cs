namespace Locking.Torture;

/// <summary>The wall clocks of the workers, one for each place. The first begins right, every other one up to an hour off.</summary>
internal sealed class WorkerClocks(Random random, TimeSpan ttl) : IDisposable
{
    private readonly SortedDictionary<int, FakeClock> _clocks = [];

    /// <summary>What the worker of a place needs in its environment. A worker that replaces another one goes on with its clock.</summary>
    public IReadOnlyDictionary<string, string> Environment(int place)
    {
        if (!_clocks.TryGetValue(place, out FakeClock? clock))
        {
            _clocks[place] = clock = new FakeClock();
            if (place > 0)
                clock.Set(Within(TimeSpan.FromHours(1)));
        }

        return clock.Environment();
    }

    /// <summary>One of them steps: by up to three leases or by hours, forth or back, or to the right time.</summary>
    public async Task StepAsync()
    {
        FakeClock clock = _clocks.ElementAt(random.Next(_clocks.Count)).Value;
        clock.Set(random.Next(4) switch
        {
            0 => TimeSpan.Zero,
            1 => Within(TimeSpan.FromHours(2)),
            _ => clock.Offset + Within(ttl * 3),
        });
        await Task.Delay(ttl * random.NextDouble(), TimeProvider.System);
    }

    public void Dispose()
    {
        foreach (FakeClock clock in _clocks.Values)
            clock.Dispose();
    }

    private TimeSpan Within(TimeSpan most) => most * ((random.NextDouble() * 2) - 1);
}
