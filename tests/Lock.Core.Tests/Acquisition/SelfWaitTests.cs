using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>Who waits for a lock that the same object holds is told so.</summary>
public sealed class SelfWaitTests : EngineTest
{
    private static readonly LockOptions s_named = new() { Ttl = Seconds(600), Owner = "tester" };

    [Fact]
    public async Task The_timeout_names_the_holder()
    {
        ILockHandle held = await Locks.LockAsync("k", s_named);
        Task<ILockHandle> call = Locks.LockAsync("k", new LockOptions { WaitTimeout = Seconds(1) }).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, Seconds(0.25), Seconds(10), "the call ends");
        LockTimeoutException busy = await Assert.ThrowsAsync<LockTimeoutException>(() => call);
        Assert.Contains("the same ILock object holds it (owner 'tester', id " + held.Id, busy.Message, StringComparison.Ordinal);
        Assert.Contains("not re-entrant", busy.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_timeout_of_a_lock_that_somebody_else_holds_does_not()
    {
        await Locks.LockAsync("other", s_named);
        Store.HoldElsewhere("k", Seconds(600));
        LockTimeoutException busy = await Assert.ThrowsAsync<LockTimeoutException>(
            async () => await Locks.LockAsync("k", new LockOptions { WaitTimeout = TimeSpan.Zero }));
        Assert.Contains("somebody else holds it", busy.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_wait_is_told_in_the_log_once_and_after_a_while()
    {
        ILockHandle held = await Locks.LockAsync("k", s_named);
        Store.HoldElsewhere("elsewhere", Seconds(600));
        Task<ILockHandle>[] calls = new[] { Locks.LockAsync("k").AsTask(), Locks.LockAsync("elsewhere").AsTask() };
        await Eventually.TrueAsync(() => Store.Acquires >= 3, "both have asked");
        Time.Advance(SelfWaits.Patience - Seconds(0.1));
        await Eventually.SettleAsync();
        Assert.Empty(Told());
        await Time.AdvanceUntilAsync(() => Told().Count > 0, Seconds(1), Seconds(20), "the log line");
        Assert.Contains("owner 'tester', id " + held.Id, Told().Single(), StringComparison.Ordinal);
        for (int i = 0; i < 12; i++)
        {
            Time.Advance(Seconds(1));
            await Eventually.SettleAsync();
        }

        Assert.Single(Told());
        await held.DisposeAsync();
        await Time.AdvanceUntilAsync(() => calls[0].IsCompleted, Seconds(0.1), Seconds(10), "granted");

        List<string> Told() => [.. Logs.Messages.Where(m => m.Contains("waits for itself", StringComparison.Ordinal))];
    }
}
