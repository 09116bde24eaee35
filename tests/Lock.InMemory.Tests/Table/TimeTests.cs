namespace Locking.InMemory.Tests.Table;

public sealed class TimeTests : TableTest
{
    [Fact]
    public void An_expired_holder_is_taken_over_at_once_by_whoever_comes()
    {
        TestClaim holder = Held(ttl: TimeSpan.FromSeconds(1));
        Time.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1));
        Assert.Equal(AcquireStatus.Busy, Try());
        Time.Advance(TimeSpan.FromTicks(1));
        TestClaim next = Held();
        Assert.Equal(ClaimState.Expired, holder.State);
        Assert.True(next.FencingToken > holder.FencingToken);
        Assert.Equal([$"{holder.Id} expired"], Heard);
    }

    [Fact]
    public void A_waiter_is_granted_when_the_holder_expires_and_not_before()
    {
        TestClaim holder = Held();
        TestClaim waiter = Waiting();
        Time.Advance(Ttl - TimeSpan.FromMilliseconds(1));
        Assert.Equal(ClaimState.Waiting, waiter.State);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ClaimState.Held, waiter.State);
        Assert.Equal([$"{holder.Id} expired", $"{waiter.Id} granted"], Heard);
    }

    [Fact]
    public void A_chain_of_waiters_is_granted_one_deadline_after_the_other()
    {
        Held(ttl: TimeSpan.FromSeconds(1));
        var waiters = Enumerable.Range(0, 10).Select(_ => Waiting(ttl: TimeSpan.FromSeconds(1))).ToList();
        foreach (TestClaim? waiter in waiters)
        {
            Assert.Equal(ClaimState.Waiting, waiter.State);
            Time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(ClaimState.Held, waiter.State);
        }
    }

    [Fact]
    public void Extending_moves_the_deadline_for_waiters_too_both_ways()
    {
        TestClaim holder = Held();
        TestClaim waiter = Waiting();
        Assert.True(Table.TryExtend(holder, TimeSpan.FromHours(1)));
        Time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal(ClaimState.Waiting, waiter.State);
        Assert.True(Table.TryExtend(holder, TimeSpan.FromSeconds(1)));
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ClaimState.Held, waiter.State);
        Assert.False(Table.TryExtend(holder, Ttl));
    }

    [Fact]
    public void An_expired_lease_is_not_extended_even_if_nobody_took_it()
    {
        TestClaim holder = Held(ttl: TimeSpan.FromSeconds(1));
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Table.TryExtend(holder, Ttl));
        Assert.Equal(StoreReply.NotHeld, Table.TryExtend("k", holder.Id, Ttl));
        Assert.Equal(ClaimState.Expired, Table.End(holder));
        Assert.Equal(0, Table.KeyCount);
    }

    [Fact]
    public void A_lease_of_many_years_and_one_without_end_keep_their_waiters_waiting()
    {
        TestClaim years = Held("years", TimeSpan.FromDays(10_000));
        TestClaim endless = Held("endless", Timeout.InfiniteTimeSpan);
        List<TestClaim> waiters = [Waiting("years"), Waiting("endless")];
        Time.Advance(TimeSpan.FromDays(10));
        Assert.All(waiters, waiter => Assert.Equal(ClaimState.Waiting, waiter.State));
        Assert.Equal(TimeSpan.FromDays(9_990), Table.Remaining(years));
        Assert.Equal(Timeout.InfiniteTimeSpan, Table.Remaining(endless));
        Assert.True(Table.TryExtend(years, TimeSpan.FromDays(3)));
        Time.Advance(TimeSpan.FromDays(3));
        Assert.Equal([ClaimState.Held, ClaimState.Waiting], waiters.Select(waiter => waiter.State));
    }

    [Fact]
    public void A_prompt_claim_hears_of_its_expiry_although_nobody_asks()
    {
        var claim = new TestClaim("k", "prompt", TimeSpan.FromSeconds(1), Heard) { Prompt = true };
        Table.Acquire(claim, default);
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["prompt expired"], Heard);
        Assert.Equal(0, Table.KeyCount);
    }

    [Fact]
    public void Leases_that_nobody_asks_for_are_swept_and_then_no_timer_is_left()
    {
        for (int i = 0; i < 1000; i++)
            Held($"key{i}", TimeSpan.FromSeconds(1 + (i % 40)));
        Assert.Equal(1000, Table.KeyCount);
        Time.Advance(TimeSpan.FromSeconds(80));
        Assert.Equal(0, Table.KeyCount);
        Time.Advance(TimeSpan.FromSeconds(80));
        Assert.Equal(0, Time.ArmedTimers);
    }

    [Fact]
    public void A_brief_lease_is_swept_soon_although_long_ones_pace_the_table()
    {
        Held("long", TimeSpan.FromDays(1));
        Held("brief", TimeSpan.FromMilliseconds(300));
        Time.Advance(TimeSpan.FromMilliseconds(300 + 100));
        Assert.Equal(1, Table.KeyCount);
    }

    [Fact]
    public void A_lock_without_end_that_nobody_waits_for_needs_no_timer()
    {
        Held(ttl: Timeout.InfiniteTimeSpan);
        Assert.Equal(0, Time.ArmedTimers);
    }

    [Fact]
    public void A_disposed_table_wakes_nobody()
    {
        Held();
        TestClaim waiter = Waiting();
        Table.Dispose();
        Time.Advance(Ttl * 2);
        Assert.Equal(ClaimState.Waiting, waiter.State);
        Assert.Equal(0, Time.ArmedTimers);
    }
}
