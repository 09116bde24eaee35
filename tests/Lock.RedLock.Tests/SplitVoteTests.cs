namespace Locking;

/// <summary>Votes that several contenders have split, on nodes whose answers the test orders.</summary>
public sealed class SplitVoteTests
{
    [Fact]
    public async Task The_contender_that_must_stay_knows_of_its_own_vote_although_it_is_the_last_to_come()
    {
        var late = new TaskCompletionSource<Vote>();
        var own = new ScriptedNode("n1", late.Task);
        ScriptedNode[] nodes = [own, new("n2", Task.FromResult(Busy("b"))), new("n3", Task.FromResult(Busy("c")))];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        Task<AcquireReply> call = store.TryAcquireAsync(
            new AcquireRequest("k", "a", "owner", TimeSpan.FromSeconds(30)), CancellationToken.None).AsTask();
        Assert.False(call.IsCompleted, "decided while a vote was missing that tells who has to stay");

        // The others, who come after it by their ids, take their votes back.
        nodes[1].Next = nodes[2].Next = Task.FromResult(new Vote(VoteKind.Granted, Token: 7));
        late.SetResult(new Vote(VoteKind.Granted, Token: 7));
        Assert.True((await call).IsGranted);
        Assert.Equal(0, own.Withdrawals);
    }

    [Fact]
    public async Task A_lock_that_a_majority_gave_to_one_holder_is_busy_without_the_last_answer()
    {
        ScriptedNode[] nodes =
        [
            new("n1", new TaskCompletionSource<Vote>().Task),
            new("n2", Task.FromResult(Busy("b"))),
            new("n3", Task.FromResult(Busy("b"))),
        ];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        AcquireReply reply = await store.TryAcquireAsync(
            new AcquireRequest("k", "a", "owner", TimeSpan.FromHours(1)), CancellationToken.None);
        Assert.False(reply.IsGranted);
    }

    private static Vote Busy(string holder) => new(VoteKind.Busy, Remaining: TimeSpan.FromSeconds(20), HolderId: holder);
}
