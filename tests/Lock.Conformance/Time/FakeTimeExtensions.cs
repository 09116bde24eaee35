using Microsoft.Extensions.Time.Testing;

namespace Locking.Conformance;

/// <summary>Moves a fake clock until something has happened.</summary>
public static class FakeTimeExtensions
{
    /// <summary>Moves the clock in steps, letting other tasks run after each, until a condition holds.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="condition">What is waited for; asked before the first step too.</param>
    /// <param name="step">How far the clock moves at once; more than zero.</param>
    /// <param name="atMost">How far the clock moves altogether.</param>
    /// <param name="what">The condition in words, for the message.</param>
    /// <exception cref="Xunit.Sdk.XunitException">The condition does not hold after <paramref name="atMost"/>.</exception>
    public static async Task AdvanceUntilAsync(this FakeTimeProvider time, Func<bool> condition, TimeSpan step,
        TimeSpan atMost, string what)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(step, TimeSpan.Zero);
        for (TimeSpan moved = TimeSpan.Zero; moved < atMost; moved += step)
        {
            await Eventually.SettleAsync().ConfigureAwait(false);
            if (condition())
                return;
            time.Advance(step);
        }

        await Eventually.TrueAsync(condition, $"{what}, {atMost.TotalMilliseconds} ms of fake time later").ConfigureAwait(false);
    }
}
