using Microsoft.Extensions.Time.Testing;

namespace Locking.Conformance;

/// <summary>What every suite shares: unique keys, time, and an end for everything that a test has made.</summary>
/// <remarks>
/// Suites run against a live backend in real time with short leases, and are safe on a shared server: every test has keys of its own.
/// A backend whose clock the test owns overrides <see cref="Clock"/> and <see cref="AdvanceAsync"/>, and then no time passes at all.
/// </remarks>
public abstract class ConformanceSuite : IAsyncLifetime
{
    private readonly Stack<IAsyncDisposable> _made = new();
    private int _lastKey;

    /// <summary>The clock that the backend's leases run on, as seen from the test. Default: the system's.</summary>
    protected virtual TimeProvider Clock => TimeProvider.System;

    /// <summary>A lease that a test waits out. Real time: long enough to do a few steps within it, short enough to wait for.
    /// A test that was held up by the machine is repeated with a longer one (see <see cref="TimelyAsync"/>).</summary>
    protected virtual TimeSpan ShortTtl => TimeSpan.FromMilliseconds(500);

    /// <summary>A lease that no test outlives.</summary>
    protected virtual TimeSpan LongTtl => TimeSpan.FromMinutes(2);

    /// <summary>How long after its end a lease may still look alive: the grain of the backend's clock.</summary>
    protected virtual TimeSpan Margin => TimeSpan.FromMilliseconds(50);

    /// <summary>The unit of the backend's leases: a ttl is rounded up to a whole number of these.</summary>
    protected virtual TimeSpan TtlStep => TimeSpan.FromMilliseconds(1);

    /// <summary>What every key of this test begins with.</summary>
    protected string KeyPrefix { get; } = $"conformance-{Guid.NewGuid():N}/";

    /// <inheritdoc/>
    public virtual Task InitializeAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual async Task DisposeAsync()
    {
        while (_made.TryPop(out IAsyncDisposable? made))
            await made.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Lets time pass for the backend. Default: waits for real. A backend on a <see cref="FakeTimeProvider"/> advances
    /// it.</summary>
    protected virtual Task AdvanceAsync(TimeSpan by) => Task.Delay(by, TimeProvider.System);

    /// <summary>Lets a lease of this length, taken before the call, end.</summary>
    protected Task OutliveAsync(TimeSpan ttl) => AdvanceAsync(RoundedUp(ttl) + Margin);

    /// <summary>How long a lease of this length may last at the backend.</summary>
    protected TimeSpan RoundedUp(TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? ttl : TimeSpan.FromTicks((ttl.Ticks + TtlStep.Ticks - 1) / TtlStep.Ticks * TtlStep.Ticks);

    /// <summary>A key that no other test uses.</summary>
    protected string NewKey() => KeyPrefix + Interlocked.Increment(ref _lastKey);

    /// <summary>A holder id.</summary>
    protected static string NewId() => Guid.NewGuid().ToString();

    /// <summary>Disposes a thing when the test ends, the newest first.</summary>
    protected T Track<T>(T made)
        where T : IAsyncDisposable
    {
        lock (_made)
            _made.Push(made);
        return made;
    }

    /// <summary>
    /// Runs steps that must be done within a short lease. When they fail, and the machine stood still meanwhile for a good part of
    /// the lease, or the backend is seen to need so long for a simple question, they are run again with a lease twice as long, four times
    /// at most; the last failure always counts.
    /// </summary>
    /// <param name="steps">The steps, given the lease. They use keys of their own each time.</param>
    protected async Task TimelyAsync(Func<TimeSpan, Task> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        TimeSpan ttl = ShortTtl;
        for (int repeats = 4; ; repeats--, ttl *= 2)
        {
            var stalls = new StallMeter();
            await using (stalls.ConfigureAwait(false))
            {
                try
                {
                    await steps(ttl).ConfigureAwait(false);
                    return;
                }
                catch (Exception) when (repeats > 0)
                {
                    // Nothing is proved where the lease may have ended while machine or backend were busy with something else.
                    if (stalls.Longest <= ttl / 8 && !await IsSlowAsync(ttl / 8).ConfigureAwait(false))
                        throw;
                }
            }
        }
    }

    /// <summary>Asks the backend a simple question as a new process would, its connection included. Default: nothing is asked.</summary>
    protected virtual Task AskBackendAsync() => Task.CompletedTask;

    /// <summary>Whether the backend needs longer than this for one of a few simple questions.</summary>
    private async Task<bool> IsSlowAsync(TimeSpan limit)
    {
        for (int i = 0; i < 5; i++)
        {
            long asked = TimeProvider.System.GetTimestamp();
            try
            {
                await AskBackendAsync().ConfigureAwait(false);
            }
            catch (Exception)
            {
                // A backend that fails is not slow: the failure that led here counts.
                return false;
            }

            if (TimeProvider.System.GetElapsedTime(asked) > limit)
                return true;
        }

        return false;
    }
}
