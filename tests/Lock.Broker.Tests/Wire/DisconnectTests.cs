using Locking.Conformance;

namespace Locking;

/// <summary>What becomes of locks when a connection ends.</summary>
public sealed class DisconnectTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_closes_gives_up_its_locks_and_places_and_nothing_else(bool tcp)
    {
        await using var broker = new TestBroker();
        RawClient leaving = await broker.RawAsync(tcp);
        RawClient staying = await broker.RawAsync(tcp);
        await leaving.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":60000}""");
        await staying.AskAsync("""{"type":"lock","uuid":"U2","key":"b","ttl":60000}""");
        await leaving.AskAsync("""{"type":"lock","uuid":"U3","key":"b","ttl":60000}""");
        await staying.AskAsync("""{"type":"lock","uuid":"U4","key":"a","ttl":60000}""");
        leaving.Close();
        Assert.Equal("U4", (await staying.ReadAsync()).GetProperty("uuid").GetString());
        Assert.Equal(0, broker.Server.Locks.Table.Report("b").Waiters);
        Assert.Equal("U2", (await broker.Store().GetAsync("b", default))!.Id);
    }

    [Fact]
    public async Task After_a_reset_the_lease_stands_until_its_ttl_and_the_places_are_gone()
    {
        var clock = new TestClock();
        await using var broker = new TestBroker(clock: clock);
        RawClient broken = await broker.RawAsync(tcp: true);
        RawClient other = await broker.RawAsync();
        await other.AskAsync("""{"type":"lock","uuid":"U0","key":"b","ttl":60000}""");
        await broken.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":10000}""");
        await broken.AskAsync("""{"type":"lock","uuid":"U2","key":"b","ttl":60000}""");
        broken.Reset();
        while (broker.Server.Locks.Table.Report("b").Waiters > 0)
            await Task.Delay(5);
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False((await other.AskAsync("""{"type":"lock","uuid":"U3","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await other.ReadAsync()).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task A_lock_that_is_to_survive_the_connection_does_until_its_ttl()
    {
        var clock = new TestClock();
        await using var broker = new TestBroker(clock: clock);
        RawClient leaving = await broker.RawAsync();
        RawClient other = await broker.RawAsync();
        await leaving.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":10000,"keepLocksAfterDeath":true}""");
        leaving.Close();
        while (broker.Server.ConnectionCount > 1)
            await Task.Delay(5);
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False((await other.AskAsync("""{"type":"lock","uuid":"U2","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await other.ReadAsync()).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task What_came_before_the_end_is_still_done_and_half_a_line_is_not()
    {
        await using var broker = new TestBroker();
        RawClient leaving = await broker.RawAsync();
        await leaving.SendAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":60000,"keepLocksAfterDeath":true}""");
        await leaving.SendBytesAsync("{\"type\":\"lock\",\"uuid\":\"U2\",\"key\":\"half\",\"keepLocksAfterDeath\":true}"u8.ToArray());
        leaving.Close();
        while (broker.Server.ConnectionCount > 0)
            await Task.Delay(5);
        BrokerLockStore store = broker.Store();
        Assert.NotNull(await store.GetAsync("a", default));
        Assert.Null(await store.GetAsync("half", default));
    }

    [Fact]
    public async Task A_client_comes_back_after_a_broken_connection_with_what_it_holds_and_waits_for()
    {
        await using var broker = new TestBroker();
        BrokerLockStore locks = broker.Store();
        var request = new AcquireRequest("a", Guid.NewGuid().ToString(), "test", TimeSpan.FromSeconds(30));
        long? token = (await locks.TryAcquireAsync(request, default)).FencingToken;
        BrokerLockStore other = broker.Store();
        await other.TryAcquireAsync(new AcquireRequest("b", "B", "test", TimeSpan.FromSeconds(30)), default);
        Task<AcquireReply> waiting = locks.AcquireAsync(
            new AcquireRequest("b", Guid.NewGuid().ToString(), "test", TimeSpan.FromSeconds(30)), Timeout.InfiniteTimeSpan, default)
                .AsTask();
        while (broker.Server.Locks.Table.Report("b").Waiters == 0)
            await Task.Delay(5);

        broker.Server.Sessions.CutAll();
        Assert.Equal(StoreReply.Done, await locks.TryExtendAsync("a", request.HolderId, TimeSpan.FromSeconds(30), default));
        Assert.Equal(token, (await locks.TryAcquireAsync(request, default)).FencingToken);
        while (broker.Server.Locks.Table.Report("b").Waiters == 0)
            await Task.Delay(5);
        Assert.Equal(StoreReply.Done, await other.TryReleaseAsync("b", "B", default));
        Assert.True((await waiting.WaitAsync(Eventually.Patience)).IsGranted);
    }

    [Fact]
    public async Task A_lease_that_was_taken_away_while_the_connection_was_broken_is_reported_lost()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store();
        var lost = new TaskCompletionSource<StoreLoss>(TaskCreationOptions.RunContinuationsAsynchronously);
        store.LeaseLost += loss => lost.TrySetResult(loss);
        await store.TryAcquireAsync(new AcquireRequest("a", "A", "test", TimeSpan.FromSeconds(30)), default);
        RawClient raw = await broker.RawAsync();
        broker.Server.Sessions.CutAll(except: 1);
        await raw.AskAsync("""{"type":"unlock","uuid":"U","key":"a","force":true}""");
        StoreLoss loss = await lost.Task.WaitAsync(Eventually.Patience);
        Assert.Equal(("a", "A"), (loss.Key, loss.HolderId));
        Assert.Contains(loss.Reason, new[] { LostReason.Removed, LostReason.Forced });
    }
}
