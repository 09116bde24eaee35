namespace Locking;

/// <summary>How the answers of several nodes are awaited as one.</summary>
public sealed class BallotTests
{
    private const string Key = "k";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whoever_waits_goes_on_where_the_answer_came_unless_others_are_delivered_there(bool isShared)
    {
        var ballot = new TwoYes();
        int wentOn = 0;
        Task goesOn = ballot.End.ContinueWith(
            _ => wentOn = Environment.CurrentManagedThreadId, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        int delivers = 0;
        var delivery = new Thread(() =>
        {
            delivers = Environment.CurrentManagedThreadId;
            ballot.Answer(0, "yes", isShared);
            ballot.Answer(1, "yes", isShared);
        });
        delivery.Start();
        delivery.Join();
        goesOn.GetAwaiter().GetResult();
        Assert.Equal(isShared, wentOn != delivers);
    }

    [Fact]
    public async Task A_ballot_ends_once_whatever_comes_at_the_same_time()
    {
        var ballot = new TwoYes();
        using var stop = new CancellationTokenSource();
        ballot.Limit(TimeSpan.FromHours(1), AlarmClock.For(TimeProvider.System), stop.Token);
        ballot.Answer(0, "yes", isShared: false);
        ballot.Fail(1, new LockStoreException("no", isTransient: true), isShared: false);
        await stop.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => ballot.End);
        ballot.Answer(2, "yes", isShared: false);
        Assert.Equal("yes", Assert.Single(ballot.Late));
        // What was counted stays as it was.
        Assert.Equal(["yes", "", ""], ballot.Answers.Select(static answer => answer ?? ""));
        Assert.IsType<LockStoreException>(ballot.FaultOf(1));
    }

    [Fact]
    public async Task A_vote_that_comes_between_the_decision_and_the_grant_is_a_late_one()
    {
        // All three answer while they are asked: the second decides, before the third has been asked at all.
        ScriptedNode[] nodes = [New("n1"), New("n2"), New("n3")];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        string id = Guid.NewGuid().ToString();
        AcquireReply reply = await store.TryAcquireAsync(
            new AcquireRequest(Key, id, "tester", TimeSpan.FromMinutes(10)), CancellationToken.None);
        Assert.Equal(7, reply.FencingToken);
        QuorumLease lease = store.Leases.Find(id)!;
        Assert.Equal(
            [NodeStanding.Counted, NodeStanding.Counted, NodeStanding.Late],
            Enumerable.Range(0, 3).Select(lease.StandingOf));
        // It was seen together with nobody's majority, and is counted when a counted one confirms the lease.
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(Key, id, TimeSpan.FromMinutes(10), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(Key, id, CancellationToken.None));
        Assert.All(nodes, static node => Assert.Equal(0, node.Withdrawals));
    }

    [Fact]
    public async Task A_vote_that_comes_between_the_decision_and_the_refusal_is_taken_back()
    {
        ScriptedNode[] nodes = [New("n1", isBusy: true), New("n2", isBusy: true), New("n3")];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        AcquireReply reply = await store.TryAcquireAsync(
            new AcquireRequest(Key, "id", "tester", TimeSpan.FromMinutes(10)), CancellationToken.None);
        Assert.False(reply.IsGranted);
        Assert.Equal([0, 0, 1], nodes.Select(static node => node.Withdrawals));
    }

    private static ScriptedNode New(string name, bool isBusy = false) => new(name, Task.FromResult(isBusy
        ? new Vote(VoteKind.Busy, Remaining: TimeSpan.FromMinutes(1), HolderId: "other")
        : new Vote(VoteKind.Granted, Token: 7)));

    private sealed class TwoYes() : Ballot<string>(3)
    {
        public List<string> Late { get; } = [];

        protected override bool IsDecided(string?[] answers, int missing) => answers.Count(static answer => answer is not null) >= 2;

        protected override void OnLate(int place, string answer) => Late.Add(answer);
    }
}
