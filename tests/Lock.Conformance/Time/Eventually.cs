using Xunit.Sdk;

namespace Locking.Conformance;

/// <summary>Waits for conditions of concurrent code without sleeping blindly: each wait ends with its condition,
/// or fails in words.</summary>
public static class Eventually
{
    private static readonly AsyncLocal<TimeSpan?> s_impatientNow = new();

    /// <summary>How long a wait lasts before it fails, unless it says otherwise: long enough for any machine that is loaded, and never
    /// reached by a test that passes. Only a hang falls short of it.</summary>
    public static TimeSpan Patience => s_impatientNow.Value ?? TimeSpan.FromSeconds(60);

    /// <summary>Lets waits of the current flow fail sooner: for tests whose waits are meant to fail.</summary>
    public static void HavePatience(TimeSpan patience) => s_impatientNow.Value = patience;

    /// <summary>Waits until a condition holds.</summary>
    /// <param name="condition">Asked at once, then every few milliseconds.</param>
    /// <param name="what">The condition in words, for the message.</param>
    /// <param name="within">The longest wait, in real time. Default <see cref="Patience"/>.</param>
    /// <exception cref="XunitException">The condition did not come true in time.</exception>
    public static Task TrueAsync(Func<bool> condition, string what, TimeSpan? within = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return TrueAsync(() => Task.FromResult(condition()), what, within);
    }

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, TimeSpan?)"/>
    public static async Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? within = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        TimeSpan limit = within ?? Patience;
        long since = TimeProvider.System.GetTimestamp();
        for (int pause = 1; !await condition().ConfigureAwait(false); pause = Math.Min(pause * 2, 16))
        {
            if (TimeProvider.System.GetElapsedTime(since) > limit)
                throw new XunitException($"Did not happen within {limit.TotalMilliseconds:0} ms: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(pause), TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until the code under test has armed at least so many timers of a fake clock,
    /// so that an advance reaches them.</summary>
    public static Task TimersArmedAsync(TestClock time, int atLeast = 1)
    {
        ArgumentNullException.ThrowIfNull(time);
        return TrueAsync(() => time.ArmedTimers >= atLeast, $"{atLeast} timer(s) armed");
    }

    /// <summary>The task's result; fails when it takes too long.</summary>
    /// <param name="task">What is waited for.</param>
    /// <param name="what">The task in words, for the message.</param>
    /// <param name="within">The longest wait, in real time. Default <see cref="Patience"/>.</param>
    /// <exception cref="XunitException">The task did not end in time.</exception>
    public static async Task<T> DoneAsync<T>(Task<T> task, string what, TimeSpan? within = null)
    {
        await DoneAsync((Task)task, what, within).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    /// <inheritdoc cref="DoneAsync{T}(Task{T}, string, TimeSpan?)"/>
    public static async Task DoneAsync(Task task, string what, TimeSpan? within = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        TimeSpan limit = within ?? Patience;
        using var stop = new CancellationTokenSource();
        if (await Task.WhenAny(task, Task.Delay(limit, TimeProvider.System, stop.Token)).ConfigureAwait(false) != task)
            throw new XunitException($"Did not end within {limit.TotalMilliseconds:0} ms: {what}.");
        await stop.CancelAsync().ConfigureAwait(false);
        await task.ConfigureAwait(false);
    }

    /// <summary>Gives other tasks the chance to do what they can do now: for assertions that something has <i>not</i> happened.</summary>
    /// <remarks>It makes such an assertion likely to fail when it should, and never fail when it should not.</remarks>
    public static Task SettleAsync() => Task.Run(static async () =>
    {
        // On the pool, whatever context the test runs in: each turn comes after what has been queued there before it,
        // however long that takes.
        for (int i = 0; i < 8; i++)
            await Task.Yield();
        await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System).ConfigureAwait(false);
        for (int i = 0; i < 8; i++)
            await Task.Yield();
    });
}
