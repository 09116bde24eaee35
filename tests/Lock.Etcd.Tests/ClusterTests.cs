using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Three members, of which some are killed, frozen or moved from leading while a lock is held and waited for.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private static readonly LockOptions s_long = new() { Ttl = TimeSpan.FromMinutes(2), AutoRenew = false };
    private readonly List<IAsyncDisposable> _made = [];
    private EtcdCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await EtcdCluster.StartAsync();

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable made in Enumerable.Reverse(_made))
            await made.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_member_is_killed_while_a_lock_is_held_and_waited_for()
    {
        foreach (bool leader in new[] { false, true })
        {
            IReadOnlyList<EtcdServer> members = await _cluster.LeaderFirstAsync();
            EtcdServer victim = leader ? members[0] : members[1];
            await WithHolderAndWaitersAsync(
                victim,
                () =>
                {
                    victim.Kill();
                    return Task.CompletedTask;
                });
            await _cluster.StartAgainAsync(victim);
        }
    }

    [Fact]
    public async Task A_member_freezes_while_a_lock_is_held_and_waited_for()
    {
        EtcdServer victim = (await _cluster.LeaderFirstAsync())[1];
        await WithHolderAndWaitersAsync(
            victim,
            () =>
            {
                victim.Freeze();
                return Task.CompletedTask;
            });
        victim.Thaw();
    }

    [Fact]
    public async Task The_leader_is_moved_while_a_lock_is_held_and_waited_for()
    {
        IReadOnlyList<EtcdServer> members = await _cluster.LeaderFirstAsync();
        await WithHolderAndWaitersAsync(members[0], MoveAsync);

        async Task MoveAsync()
        {
            string status = await members[1].ControlAsync("endpoint", "status");
            string id = status.Split(',')[1].Trim();
            await members[0].ControlAsync("move-leader", id);
            Assert.NotSame(members[0], (await _cluster.LeaderFirstAsync())[0]);
        }
    }

    [Fact]
    public async Task The_quorum_is_lost_and_comes_back_while_a_lock_is_held_and_waited_for()
    {
        IReadOnlyList<EtcdServer> members = await _cluster.LeaderFirstAsync();
        await WithHolderAndWaitersAsync(
            members[2],
            async () =>
            {
                members[0].Kill();
                members[1].Kill();
                await using ILockStore store = StoreAt(members[2]);
                await Eventually.TrueAsync(
                    async () =>
                    {
                        var request = new AcquireRequest("other", Guid.NewGuid().ToString(), "", TimeSpan.FromMinutes(1));
                        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(
                            async () => await store.TryAcquireAsync(request, CancellationToken.None));
                        Assert.True(fault.IsTransient);
                        return fault.Message.Contains("has lost its quorum", StringComparison.Ordinal) && !fault.MayHaveBeenApplied;
                    },
                    "a clear word about the quorum");
                await _cluster.StartAgainAsync(members[0], members[1]);
            });
    }

    [Fact]
    public async Task A_lease_that_cannot_be_renewed_for_want_of_a_quorum_is_announced_lost_by_itself()
    {
        await using ILock locks = LocksAt(_cluster.Members[0]);
        ILockHandle handle = await locks.LockAsync("orders", new LockOptions { Ttl = TimeSpan.FromSeconds(3) });
        _cluster.Members[1].Kill();
        _cluster.Members[2].Kill();
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Expired, handle.LostReason);
    }

    /// <summary>A holder and two waiters whose member something happens to: nothing is lost, and the order stays.</summary>
    private async Task WithHolderAndWaitersAsync(EtcdServer theirs, Func<Task> what)
    {
        string key = Guid.NewGuid().ToString();
        ILock holds = LocksAt(theirs);
        Progress[] progress = new[] { new Progress(), new Progress() };
        ILockStore[] stores = [StoreAt(theirs), StoreAt(theirs)];
        string[] ids = [Guid.NewGuid().ToString(), Guid.NewGuid().ToString()];
        ILockHandle handle = await holds.LockAsync(key, s_long);
        var waits = new Task<AcquireReply>[2];
        for (int i = 0; i < 2; i++)
        {
            var request = new AcquireRequest(key, ids[i], "", TimeSpan.FromSeconds(30)) { Progress = progress[i] };
            int index = i;
            waits[i] = Task.Run(() =>
                ((IWaitingStore)stores[index]).AcquireAsync(request, Timeout.InfiniteTimeSpan, CancellationToken.None).AsTask());
            await Eventually.DoneAsync(progress[i].Queued.Task, "its place in the line");
        }

        await what();

        // The lease goes on, its token stays, nobody is in between.
        await ExtendedAsync(handle);
        Assert.False(handle.LostToken.IsCancellationRequested, $"{handle.LostReason}");
        await using ILockStore others = StoreAt(_cluster.Members);
        LockInfo? info = await EventuallyAsync(async () => await others.GetAsync(key, CancellationToken.None));
        Assert.Equal((handle.Id, handle.FencingToken), (info?.Id, info?.FencingToken));
        Assert.All(waits, static wait => Assert.False(wait.IsCompleted));

        await ReleasedAsync(handle);
        AcquireReply first = await Eventually.DoneAsync(waits[0], "the first waiter's grant");
        Assert.True(first.IsGranted);
        Assert.True(first.FencingToken > handle.FencingToken);
        Assert.False(waits[1].IsCompleted);
        await EventuallyAsync(async () => await stores[0].TryReleaseAsync(key, ids[0], CancellationToken.None));
        AcquireReply second = await Eventually.DoneAsync(waits[1], "the second waiter's grant");
        Assert.True(second.FencingToken > first.FencingToken);
        await EventuallyAsync(async () => await stores[1].TryReleaseAsync(key, ids[1], CancellationToken.None));
    }

    private static Task ExtendedAsync(ILockHandle handle) =>
        EventuallyAsync(async () =>
            await handle.TryExtendAsync(TimeSpan.FromMinutes(2)) ? true : throw new InvalidOperationException("lost"));

    private static async Task ReleasedAsync(ILockHandle handle) =>
        Assert.Equal(UnlockOutcome.Released, await Eventually.DoneAsync(handle.UnlockAsync().AsTask(), "the release"));

    /// <summary>Asks again while the cluster is about to elect, or a member is found out to be dead.</summary>
    private static async Task<T> EventuallyAsync<T>(Func<Task<T>> step)
    {
        T? result = default;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    result = await step();
                    return true;
                }
                catch (LockStoreException fault) when (fault.IsTransient)
                {
                    return false;
                }
            },
            "an answer of the cluster");
        return result!;
    }

    /// <summary>A store whose first member is this one.</summary>
    private ILockStore StoreAt(EtcdServer first) => StoreAt([first, .. _cluster.Members.Where(member => member != first)]);

    private ILockStore StoreAt(IEnumerable<EtcdServer> members)
    {
        ILockStore store = EtcdFixture.StoreAt(members.Select(static member => member.Url), TimeSpan.FromSeconds(3));
        _made.Add(store);
        return store;
    }

    private StoreLock LocksAt(EtcdServer first) => new(StoreAt(first), new LockOptions { ReleaseTimeout = TimeSpan.FromMinutes(1) });

    private sealed class Progress : IWaitProgress
    {
        public TaskCompletionSource Queued { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnQueued() => Queued.TrySetResult();
    }
}
