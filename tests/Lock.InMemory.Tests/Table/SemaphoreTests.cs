namespace Locking.InMemory.Tests.Table;

public sealed class SemaphoreTests : TableTest
{
    [Fact]
    public void As_many_hold_as_the_limit_says()
    {
        TestClaim first = Held(max: 3);
        Held();
        Held();
        Assert.Equal(AcquireStatus.Busy, Try());
        TestClaim waiter = Waiting();
        Table.End(first);
        Assert.Equal(ClaimState.Held, waiter.State);
        KeyReport report = Table.Report("k");
        Assert.Equal((3, 0, 3), (report.Max, report.Waiters, report.HolderIds.Count));
    }

    [Fact]
    public void Raising_the_limit_grants_waiters_before_whoever_raises_it()
    {
        Held();
        TestClaim waiter = Waiting();
        AcquireResult result = Table.Acquire(Claim(), new AcquireTerms { Max = 2 });
        Assert.Equal(AcquireStatus.Busy, result.Status);
        Assert.Equal(ClaimState.Held, waiter.State);
        Assert.Equal(AcquireStatus.Granted, Table.Acquire(Claim(), new AcquireTerms { Max = 3 }).Status);
    }

    [Fact]
    public void Lowering_the_limit_takes_nothing_away()
    {
        List<TestClaim> holders = [Held(max: 2), Held()];
        Assert.Equal(AcquireStatus.Busy, Table.Acquire(Claim(), new AcquireTerms { Max = 1 }).Status);
        Table.End(holders[0]);
        Assert.Equal(AcquireStatus.Busy, Try());
        Table.End(holders[1]);
        Assert.Equal(AcquireStatus.Granted, Try());
    }

    [Fact]
    public void Each_holder_has_its_own_deadline()
    {
        TestClaim brief = Held(ttl: TimeSpan.FromSeconds(1), max: 2);
        TestClaim lasting = Held(ttl: TimeSpan.FromSeconds(100));
        TestClaim waiter = Waiting();
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ClaimState.Expired, brief.State);
        Assert.Equal(ClaimState.Held, lasting.State);
        Assert.Equal(ClaimState.Held, waiter.State);
        Assert.Equal([$"{brief.Id} expired", $"{waiter.Id} granted"], Heard);
    }

    [Fact]
    public void The_limit_is_forgotten_with_the_key()
    {
        TestClaim holder = Held(max: 5);
        Table.End(holder);
        Assert.Equal(0, Table.KeyCount);
        Held();
        Assert.Equal(AcquireStatus.Busy, Try());
    }

    [Fact]
    public void Get_tells_the_holder_that_came_first()
    {
        TestClaim first = Held(max: 2);
        Held();
        Assert.Equal(first.Id, Table.Get("k")!.Id);
        Assert.Equal(2, Table.List("").Count());
    }
}
