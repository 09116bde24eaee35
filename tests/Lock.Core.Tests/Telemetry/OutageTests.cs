using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>What the log says of a backend that fails.</summary>
public sealed class OutageTests : EngineTest
{
    [Fact]
    public async Task An_outage_with_many_held_locks_is_two_lines_and_a_few_losses()
    {
        const int Held = 200;
        var handles = new List<ILockHandle>();
        for (int i = 0; i < Held; i++)
            handles.Add(await Locks.LockAsync($"k{i}", new LockOptions { Ttl = Seconds(6), AutoRenew = true }));
        Store.OnExtend = (_, _, _, _) => throw Transient();
        Store.OnAcquire = (_, _, _) => throw Transient();
        for (int i = 0; i < 14; i++)
        {
            Time.Advance(Seconds(0.5));
            await Eventually.SettleAsync();
        }

        await Eventually.TrueAsync(() => handles.TrueForAll(static h => h.LostReason == LostReason.Expired), "all are lost");
        await Eventually.TrueAsync(() => Logs.Messages.Count(m => m.Contains("is lost", StringComparison.Ordinal)) == Outage.ToldLosses,
            "the first losses");
        Assert.Single(Logs.Messages, m => m.Contains("backend fails", StringComparison.Ordinal));
        Assert.Equal(1 + Outage.ToldLosses, Logs.Messages.Count);

        Store.OnExtend = null;
        Store.OnAcquire = null;
        await using ILockHandle again = await Locks.LockAsync("again");
        await Time.AdvanceUntilAsync(
            () => Logs.Messages.Any(m => m.Contains("backend answers again", StringComparison.Ordinal)), Seconds(0.5), Seconds(10),
            "the end of it");
        string end = Logs.Messages.Single(m => m.Contains("backend answers again", StringComparison.Ordinal));
        Assert.Contains($"{Held} lease(s) were lost", end, StringComparison.Ordinal);
        Assert.Equal(2 + Outage.ToldLosses, Logs.Messages.Count);
    }

    [Fact]
    public async Task Answers_and_failures_that_cross_are_one_outage()
    {
        for (int i = 0; i < 10; i++)
        {
            Store.OnAcquire = (_, _, _) => throw Transient(mayHaveBeenApplied: false);
            await Assert.ThrowsAsync<LockStoreException>(async () => await Locks.TryLockAsync("k"));
            Store.OnAcquire = null;
            await (await Locks.LockAsync("other")).DisposeAsync();
            Time.Advance(Seconds(0.2));
        }

        await Time.AdvanceUntilAsync(
            () => Logs.Messages.Any(m => m.Contains("backend answers again", StringComparison.Ordinal)), Seconds(0.5), Seconds(10),
            "the end of it");
        Assert.Equal(2, Logs.Messages.Count);
        Assert.Contains("10 request(s) failed", Logs.Messages.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Leases_that_end_with_their_object_on_purpose_are_no_warnings()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        await Locks.DisposeAsync();
        Assert.Equal(LostReason.LockDisposed, handle.LostReason);
        await Eventually.SettleAsync();
        Assert.Empty(Logs.Messages);
    }
}
