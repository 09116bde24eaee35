namespace Locking.InMemory.Tests.Table;

public sealed class QueueTests : TableTest
{
    [Fact]
    public void Waiters_are_granted_first_in_first_out()
    {
        TestClaim holder = Held();
        var waiters = Enumerable.Range(0, 100).Select(_ => Waiting()).ToList();
        Table.End(holder);
        foreach (TestClaim? waiter in waiters)
        {
            Assert.Equal(ClaimState.Held, waiter.State);
            Table.End(waiter);
        }

        Assert.Equal(waiters.Select(w => $"{w.Id} granted"), Heard);
        Assert.Equal(0, Table.KeyCount);
    }

    [Fact]
    public void Front_goes_before_all_others()
    {
        TestClaim holder = Held();
        TestClaim second = Waiting();
        TestClaim first = Waiting(front: true);
        Table.End(holder);
        Assert.Equal(ClaimState.Held, first.State);
        Assert.Equal(ClaimState.Waiting, second.State);
    }

    [Fact]
    public void A_waiter_that_asks_again_keeps_its_place_unless_it_asks_for_the_front()
    {
        TestClaim holder = Held();
        TestClaim first = Waiting();
        TestClaim second = Waiting();
        AcquireResult again = Table.Acquire(Claim(id: first.Id), new AcquireTerms { Queue = true });
        Assert.Equal((AcquireStatus.AlreadyQueued, 2), (again.Status, again.Waiters));
        Assert.Same(first, again.Claim);
        again = Table.Acquire(Claim(id: second.Id), new AcquireTerms { Queue = true, Front = true });
        Assert.Same(second, again.Claim);
        Table.End(holder);
        Assert.Equal(ClaimState.Held, second.State);
        Assert.Equal(ClaimState.Waiting, first.State);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_waiter_may_leave_from_any_place(int leaver)
    {
        TestClaim holder = Held();
        List<TestClaim> waiters = [Waiting(), Waiting(), Waiting()];
        Assert.True(Table.Withdraw(waiters[leaver]));
        Assert.False(Table.Withdraw(waiters[leaver]));
        Assert.Equal(ClaimState.Withdrawn, waiters[leaver].State);
        Table.End(holder);
        waiters.RemoveAt(leaver);
        foreach (TestClaim waiter in waiters)
            Assert.Equal(ClaimState.Held, Table.End(waiter));
        Assert.Equal(0, Table.KeyCount);
    }

    [Fact]
    public void A_waiter_that_was_granted_cannot_be_withdrawn()
    {
        TestClaim holder = Held();
        TestClaim waiter = Waiting();
        Table.End(holder);
        Assert.False(Table.Withdraw(waiter));
        Assert.Equal(ClaimState.Held, waiter.State);
    }

    [Fact]
    public void Nobody_overtakes_the_queue()
    {
        TestClaim holder = Held();
        TestClaim waiter = Waiting();
        Assert.Equal(AcquireStatus.Busy, Try());
        Table.End(holder, out int waiters, out ClaimNotices notices);
        Assert.Equal(1, waiters);

        // The grant stands although it has not been told yet.
        Assert.Empty(Heard);
        Assert.Equal(AcquireStatus.Busy, Try());
        notices.Deliver();
        Assert.Equal([$"{waiter.Id} granted"], Heard);
    }

    [Fact]
    public void The_queue_can_be_limited()
    {
        Held();
        Waiting();
        AcquireResult result = Table.Acquire(Claim(), new AcquireTerms { Queue = true, MaxWaiters = 1 });
        Assert.Equal((AcquireStatus.Busy, 1, 1), (result.Status, result.Holders, result.Waiters));
    }

    [Fact]
    public void A_long_queue_finds_its_claims_by_id()
    {
        TestClaim holder = Held();
        var waiters = Enumerable.Range(0, 1000).Select(_ => Waiting()).ToList();
        Assert.Same(waiters[777], Table.Find("k", waiters[777].Id));
        Assert.Equal(StoreReply.Done, Table.Release("k", waiters[777].Id));
        Assert.Null(Table.Find("k", waiters[777].Id));
        Assert.Same(holder, Table.Find("k", holder.Id));
        Table.End(holder);
        Assert.Equal(StoreReply.Done, Table.TryExtend("k", waiters[0].Id, Ttl));
        foreach (TestClaim? waiter in waiters)
            Table.End(waiter);
        Assert.Equal(0, Table.KeyCount);
        Assert.Null(Table.Find("k", waiters[0].Id));
    }

    [Fact]
    public void The_time_in_the_queue_is_known_at_the_grant()
    {
        TestClaim holder = Held();
        TestClaim waiter = Waiting();
        Time.Advance(TimeSpan.FromSeconds(5));
        Table.End(holder);
        Assert.Equal(TimeSpan.FromSeconds(5), Table.Clock.ToSpan(waiter.GrantedAt - waiter.ArrivedAt));
        Assert.Equal(Ttl, Table.Remaining(waiter));
    }
}
