namespace Locking;

/// <summary>A disk that fills up while the broker runs.</summary>
public sealed class FailingDiskTests
{
    /// <summary>More than there is room for at the start.</summary>
    private const int Many = 1_100;

    [Fact]
    public async Task Without_room_grants_go_on_that_is_told_and_the_next_broker_waits_until_all_has_ended()
    {
        await using var broker = new TestBroker();
        BrokerLockStore holder = broker.Store();
        Assert.DoesNotContain("no-state-file", await CodesAsync(holder));
        using (FullDisk.At(RecordFile.Of(broker.Path)))
        {
            await HoldAsync(holder, TimeSpan.FromMinutes(10));
            Assert.Contains("no-state-file", await CodesAsync(holder));
            await broker.StopAsync();
        }

        broker.Start();
        Assert.InRange(broker.Server.Locks.Pause.Left.TotalMinutes, 9, 10.2);
        await using var other = new BrokerLockStore(broker.Connection);
        Assert.False((await other.TryAcquireAsync(new AcquireRequest("unknown", "X", "test", TimeSpan.FromSeconds(9)), default)).IsGranted);

        // Whoever holds what is not on record reclaims it.
        for (int i = 0; i < Many; i++)
            Assert.Equal($"A{i}", (await holder.GetAsync($"k{i}", default))!.Id);
        Assert.Equal(Many, broker.Server.Locks.Table.KeyCount);
    }

    [Fact]
    public async Task When_there_is_room_again_all_that_was_missed_is_on_record_and_nobody_waits()
    {
        await using var broker = new TestBroker();
        BrokerLockStore holder = broker.Store();
        using (FullDisk.At(RecordFile.Of(broker.Path)))
        {
            await HoldAsync(holder, TimeSpan.FromMinutes(10));
            Assert.Equal(StoreReply.Done, await holder.TryReleaseAsync("k0", "A0", default));
        }

        for (int i = 0; (await CodesAsync(holder)).Contains("no-state-file"); i++)
        {
            Assert.True(i < 3000, "It is not written again.");
            await Task.Delay(10);
        }

        Assert.Equal(Many - 1, RecordFile.Keys(RecordFile.Of(broker.Path)).Count);
        await broker.RestartAsync();
        Assert.False(broker.Server.Locks.Pause.IsOn);
    }

    [Fact]
    public async Task A_full_disk_does_not_bring_back_what_was_given_back_and_does_not_keep_a_broker_from_its_end_or_its_start()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store();
        foreach (string key in (string[])["a", "b"])
            await PermanentLeaseTests.KeepAsync(broker, key, "H");
        using (FullDisk.At(RecordFile.Of(broker.Path)))
        {
            Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("a", "H", default));
            await broker.StopAsync();
            Assert.True(broker.Server.Completion.IsCompletedSuccessfully);
        }

        broker.Start();
        Assert.Null(await store.GetAsync("a", default));
        Assert.Equal("H", (await store.GetAsync("b", default))!.Id);
    }

    private static Task HoldAsync(BrokerLockStore store, TimeSpan ttl) => Task.WhenAll(Enumerable.Range(0, Many).Select(async i =>
        Assert.True((await store.TryAcquireAsync(new AcquireRequest($"k{i}", $"A{i}", "test", ttl), default)).IsGranted)));

    private static async Task<List<string>> CodesAsync(BrokerLockStore store) =>
        [.. (await store.DiagnoseAsync(default)).Select(static finding => finding.Code)];
}
