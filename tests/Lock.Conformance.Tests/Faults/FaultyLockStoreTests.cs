namespace Locking.Conformance.Tests.Faults;

public sealed class FaultyLockStoreTests : IAsyncDisposable
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromMinutes(1);
    private readonly InMemoryLockTable _table = new();
    private readonly InMemoryLockStore _backend;
    private readonly FaultyLockStore _store;

    public FaultyLockStoreTests()
    {
        _backend = new InMemoryLockStore(_table);
        _store = FaultyLockStore.Over(new InMemoryLockStore(_table));
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _backend.DisposeAsync();
        _table.Dispose();
    }

    [Fact]
    public async Task It_has_the_abilities_of_the_store_inside_and_no_others()
    {
        Assert.True(_store is IWaitingStore and IForceReleaseStore and ILossSignal);
        Assert.False(_store is IReleaseSignal);
        var told = new TaskCompletionSource<StoreLoss>(TaskCreationOptions.RunContinuationsAsynchronously);
        ((ILossSignal)_store).LeaseLost += told.SetResult;
        await AcquireAsync("k", "a");
        Assert.True(await ((IForceReleaseStore)_store).ForceReleaseAsync("k", CancellationToken.None));
        Assert.Equal("a", (await Eventually.DoneAsync(told.Task, "the loss")).HolderId);
        await using var plain = FaultyLockStore.Over(new Plain(new InMemoryLockStore(_table)));
        Assert.False(plain is IWaitingStore or IForceReleaseStore or ILossSignal or IReleaseSignal);
    }

    [Fact]
    public async Task A_lost_request_does_nothing_and_a_lost_reply_has_done_it()
    {
        _store.Next(StoreStep.Acquire, StoreFault.LostRequest, StoreFault.LostReply);
        LockStoreException lost = await Assert.ThrowsAsync<LockStoreException>(() => AcquireAsync("k", "a"));
        Assert.True(lost.IsTransient && lost.MayHaveBeenApplied);
        Assert.Null(await HolderAsync("k"));
        await Assert.ThrowsAsync<LockStoreException>(() => AcquireAsync("k", "a"));
        Assert.Equal("a", await HolderAsync("k"));
        Assert.True((await AcquireAsync("k", "a")).IsGranted);
        Assert.Equal(3, _store.Count(StoreStep.Acquire));
    }

    [Fact]
    public async Task A_late_request_arrives_when_it_is_told_to()
    {
        _store.Next(StoreStep.Acquire, StoreFault.LateRequest);
        await Assert.ThrowsAsync<LockStoreException>(() => AcquireAsync("k", "a"));
        Assert.Equal(StoreReply.NotHeld, await _store.TryReleaseAsync("k", "a", CancellationToken.None));
        Assert.Equal((1, (string?)null), (_store.LateRequests, await HolderAsync("k")));
        await _store.DeliverLateRequestsAsync();
        Assert.Equal((0, "a"), (_store.LateRequests, await HolderAsync("k")));
    }

    [Fact]
    public async Task A_late_reply_arrives_when_it_is_told_to_or_never_when_cancelled()
    {
        _store.Next(StoreStep.Acquire, StoreFault.LateReply, StoreFault.LateReply);
        Task<AcquireReply> late = AcquireAsync("k", "a");
        await Eventually.TrueAsync(() => _store.LateReplies == 1, "an answer is late");
        Assert.Equal("a", await HolderAsync("k"));
        _store.DeliverLateReplies();
        Assert.True((await Eventually.DoneAsync(late, "the late answer")).IsGranted);

        using var stop = new CancellationTokenSource();
        Task<AcquireReply> cancelled = _store.TryAcquireAsync(new AcquireRequest("k2", "a", "o", s_ttl), stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(cancelled, "cancellation"));
        Assert.Equal("a", await HolderAsync("k2"));
    }

    [Fact]
    public async Task A_call_that_hangs_ends_by_cancellation_or_by_disposal_if_it_ignores_that()
    {
        _store.Next(StoreStep.Release, StoreFault.Hang, StoreFault.Hang with { IgnoresCancellation = true });
        using var stop = new CancellationTokenSource();
        Task<StoreReply> hangs = _store.TryReleaseAsync("k", "a", stop.Token).AsTask();
        Task<StoreReply> ignores = _store.TryReleaseAsync("k", "a", stop.Token).AsTask();
        Assert.Equal(2, _store.Hanging);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(hangs, "cancellation"));
        await Eventually.SettleAsync();
        Assert.False(ignores.IsCompleted);
        await _store.DisposeAsync();
        await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(ignores, "disposal"));
    }

    [Fact]
    public async Task A_refusal_says_what_it_is_told_to_say()
    {
        _store.Next(StoreStep.Get, StoreFault.Refused(isTransient: false), StoreFault.Throws(() => new IOException("driver")));
        LockStoreException refused =
            await Assert.ThrowsAsync<LockStoreException>(async () => await _store.GetAsync("k", CancellationToken.None));
        Assert.False(refused.IsTransient || refused.MayHaveBeenApplied);
        await Assert.ThrowsAsync<IOException>(async () => await _store.GetAsync("k", CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task L07_One_process_has_one_contender_per_key_whatever_the_number_of_waiters(bool useAbilities)
    {
        var network = FaultyLockStore.Over(useAbilities ? new InMemoryLockStore(_table) : new Plain(new InMemoryLockStore(_table)));
        network.Policy = call =>
            call.Step is StoreStep.Acquire or StoreStep.Wait && network.Calls.Count % 5 == 0 ? StoreFault.LostReply : null;
        await using var locks =
            new StoreLock(network, new LockOptions { RetryDelay = TimeSpan.FromMilliseconds(2), RetryJitter = TimeSpan.Zero });
        await Eventually.DoneAsync(
            Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
            {
                await using ILockHandle handle = await locks.LockAsync("k");
                await Task.Yield();
            }))),
            "everybody's turn");
        Assert.Equal(1, network.MostContenders("k"));
        Assert.True(network.Count(useAbilities ? StoreStep.Wait : StoreStep.Acquire) >= 20);
    }

    private Task<AcquireReply> AcquireAsync(string key, string id) =>
        _store.TryAcquireAsync(new AcquireRequest(key, id, "o", s_ttl), CancellationToken.None).AsTask();

    private async Task<string?> HolderAsync(string key) => (await _backend.GetAsync(key, CancellationToken.None))?.Id;

    private sealed class Plain(ILockStore inner) : DelegatingLockStore(inner);
}
