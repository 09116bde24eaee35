
namespace Locking.InMemory.Tests.Table;

public sealed class StepTests : TableTest
{
    [Fact]
    public void The_same_id_asking_again_has_the_same_token_and_a_fresh_ttl()
    {
        TestClaim holder = Held();
        Time.Advance(TimeSpan.FromSeconds(20));
        AcquireResult again = Table.Acquire(Claim(id: holder.Id), default);
        Assert.Equal(AcquireStatus.AlreadyHeld, again.Status);
        Assert.Same(holder, again.Claim);
        Assert.Equal(Ttl, Table.Remaining(holder));
        Assert.Single(Table.List(""));
    }

    [Fact]
    public void Tokens_rise_over_all_keys_from_the_wall_clock_and_can_be_raised()
    {
        long start = (Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        Assert.Equal(start + 1, Held("a").FencingToken);
        Assert.Equal(start + 2, Held("b").FencingToken);
        Table.RaiseTokens(start + 1_000_000);
        Table.RaiseTokens(start);
        Assert.Equal(start + 1_000_001, Held("c").FencingToken);
        Assert.Equal(start + 1_000_001, Table.LastToken);
        Assert.Throws<ArgumentOutOfRangeException>(() => Table.RaiseTokens(1L << 53));
    }

    [Fact]
    public void Releasing_by_id_touches_nobody_else()
    {
        TestClaim holder = Held();
        Assert.Equal(StoreReply.HeldByAnother, Table.Release("k", "other"));
        Assert.Equal(StoreReply.NotHeld, Table.Release("other", holder.Id));
        Assert.Equal(ClaimState.Held, holder.State);
        Assert.Equal(StoreReply.Done, Table.Release("k", holder.Id));
        Assert.Equal(StoreReply.NotHeld, Table.Release("k", holder.Id));
        Assert.Equal(ClaimState.Released, Table.End(holder));
    }

    [Fact]
    public void Force_tells_the_holders_then_grants_the_next()
    {
        List<TestClaim> holders = [Held(max: 2), Held()];
        TestClaim waiter = Waiting();
        Assert.Equal(2, Table.Force("k"));
        Assert.All(holders, holder => Assert.Equal(ClaimState.Forced, holder.State));
        Assert.Equal(ClaimState.Held, waiter.State);
        Assert.Equal($"{waiter.Id} granted", Heard[^1]);
        Assert.Equal(3, Heard.Count);
        Assert.Equal(0, Table.Force("nobody's"));
    }

    [Fact]
    public void Forcing_an_expired_lease_is_no_force()
    {
        Held(ttl: TimeSpan.FromSeconds(1));
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Table.Force("k"));
        Assert.Equal(0, Table.KeyCount);
    }

    [Fact]
    public void A_claim_that_was_granted_before_a_restart_comes_back_with_its_token()
    {
        TestClaim old = Claim();
        Assert.True(Table.Reclaim(old, Table.LastToken + 500));
        Assert.Equal(ClaimState.Held, old.State);
        Assert.Equal(Table.LastToken, old.FencingToken);
        Assert.True(Table.Reclaim(Claim(id: old.Id), old.FencingToken));
        Assert.False(Table.Reclaim(Claim(), old.FencingToken - 1));
        TestClaim waiter = Waiting();
        Time.Advance(Ttl);
        Assert.Equal(ClaimState.Held, waiter.State);
        Assert.True(waiter.FencingToken > old.FencingToken);
    }

    [Fact]
    public void Nothing_is_given_to_anyone_before_the_end_is_announced()
    {
        TestClaim holder = Held(ttl: TimeSpan.FromSeconds(1));
        TestClaim waiter = Waiting();
        ClaimState stateAtAnnouncement = ClaimState.New;
        holder.Announce = () =>
        {
            stateAtAnnouncement = waiter.State;
            Assert.Equal(ClaimState.Expired, holder.State);
        };
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ClaimState.Waiting, stateAtAnnouncement);
        Assert.Equal(ClaimState.Held, waiter.State);
    }

    [Fact]
    public async Task While_one_thread_announces_an_end_nobody_else_gets_the_place_without_announcing_it_too()
    {
        TestClaim holder = Held(ttl: TimeSpan.FromSeconds(1));
        using var entered = new SemaphoreSlim(0);
        using var leave = new ManualResetEventSlim();
        int announcements = 0;
        holder.Announce = () =>
        {
            if (Interlocked.Increment(ref announcements) > 1)
                return; // the second announcer is done at once
            entered.Release();
            leave.Wait();
        };

        // In two steps, so that the sweep, which comes three times in a lease, sees it alive: its end is for the acquirers to announce.
        Time.Advance(TimeSpan.FromMilliseconds(999));
        Time.Advance(TimeSpan.FromMilliseconds(1));
        Task<AcquireStatus> first = Task.Run(() => Try());
        await entered.WaitAsync();

        // The first acquirer hangs in its announcement; the second announces for itself and takes the place.
        Assert.Equal(AcquireStatus.Granted, Try());
        Assert.Equal(2, announcements);
        leave.Set();
        Assert.Equal(AcquireStatus.Busy, await first);
    }

    [Fact]
    public void Listing_takes_the_prefix_literally()
    {
        Held("a/1");
        Held("a/2");
        Held("A/3");
        Held("b");
        Assert.Equal(["a/1", "a/2"], Table.List("a/").Select(info => info.Key).Order(StringComparer.Ordinal));
        Assert.Equal(4, Table.List("").Count());
        LockInfo info = Table.Get("b")!;
        Assert.Equal(("b", "tester", Ttl), (info.Key, info.Owner, info.Remaining));
        Assert.Null(Table.Get("c"));
    }

    [Fact]
    public void A_hundred_thousand_keys_leave_nothing()
    {
        var claims = Enumerable.Range(0, 100_000).Select(i => Held($"key{i}")).ToList();
        Assert.Equal(100_000, Table.KeyCount);
        foreach (TestClaim? claim in claims)
            Table.End(claim);
        Assert.Equal(0, Table.KeyCount);
        Assert.InRange(Table.Capacity, 1, 100_000 / 4);
    }

    [Fact]
    public async Task Many_threads_never_hold_together_and_lose_no_grant()
    {
        const int Rounds = 3000;
        var table = new LockTable(TimeProvider.System);
        int[] inside = new int[3];
        int overlaps = 0;
        long[] lastToken = new long[3];
        await Task.WhenAll(Enumerable.Range(0, 6).Select(n => Task.Run(async () =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                int key = (n + i) % 3;
                var claim = new SignalClaim($"key{key}");
                if (table.Acquire(claim, new AcquireTerms { Queue = true }).Status == AcquireStatus.Queued)
                {
                    if (i % 7 == 0 && table.Withdraw(claim))
                        continue;
                    await claim.Granted;
                }

                if (Interlocked.Increment(ref inside[key]) != 1 || claim.FencingToken <= lastToken[key])
                    Interlocked.Increment(ref overlaps);
                lastToken[key] = claim.FencingToken;
                Interlocked.Decrement(ref inside[key]);
                Assert.Equal(ClaimState.Held, table.End(claim));
            }
        }))).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, overlaps);
        Assert.Equal(0, table.KeyCount);
        table.Dispose();
    }

    private sealed class SignalClaim(string key) : Claim(key, TimeSpan.FromMinutes(1))
    {
        private readonly TaskCompletionSource _granted = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Granted => _granted.Task;

        public override string Owner => "tester";

        public override string Id { get; } = Guid.NewGuid().ToString();

        protected internal override void OnGranted() => _granted.SetResult();
    }
}
