namespace Locking.Torture;

/// <summary>A store's wall clock that steps.</summary>
internal static class ClockFaults
{
    /// <summary>Short of the hour for which stores with a record for each key keep its last token.</summary>
    private static readonly TimeSpan s_far = TimeSpan.FromMinutes(50);

    /// <summary>How long a server may still act by what it read before a step.</summary>
    private static readonly TimeSpan s_underWay = TimeSpan.FromMilliseconds(50);

    /// <summary>The clock of a store that counts leases by it steps away and back to the right time. Its steps forth end leases early: it
    /// forgets.</summary>
    /// <param name="clock">The clock.</param>
    /// <param name="nemesis">Chooses.</param>
    /// <param name="forgets">Writes the steps forth down, as far as the topology is hurt by them.</param>
    /// <param name="mayBeAhead">Whether it may be ahead for a while. Where the data may be lost afterwards, it may not: tokens
    /// would fall.</param>
    public static async Task WanderAsync(this FakeClock clock, Nemesis nemesis, Func<Func<Task>, Task> forgets, bool mayBeAhead)
    {
        TimeSpan by = nemesis.Ttl * (0.1 + (1.4 * nemesis.Draw()));
        if (mayBeAhead && nemesis.Draw() < 0.5)
        {
            await forgets(() => StepAsync(by));
            await nemesis.RestAsync();
            clock.Set(TimeSpan.Zero);
            return;
        }

        clock.Set(nemesis.Draw() < 0.25 ? s_far * -nemesis.Draw() : -by);
        await nemesis.RestAsync();
        await forgets(() => StepAsync(TimeSpan.Zero));

        Task StepAsync(TimeSpan offset)
        {
            clock.Set(offset);
            return Task.Delay(s_underWay, TimeProvider.System);
        }
    }

    /// <summary>The clock of a store that counts leases by another one steps, and stays where it is: nothing may come of it.</summary>
    public static async Task StrayAsync(this FakeClock clock, Nemesis nemesis)
    {
        clock.Set(nemesis.Draw() < 0.5
            ? clock.Offset + (nemesis.Ttl * 3 * ((nemesis.Draw() * 2) - 1))
            : TimeSpan.FromHours(2) * ((nemesis.Draw() * 2) - 1));
        await nemesis.RestAsync(0.5);
    }
}
