using System.Runtime.CompilerServices;
using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>Disposal against everything that may be going on, and stores that misbehave.</summary>
public sealed class DisposalTests : EngineTest
{
    [Fact]
    public async Task A_request_in_flight_ends_with_the_disposal_and_what_it_took_is_given_back()
    {
        var hang = new Hang<AcquireReply>();
        Store.OnAcquire = (_, step, token) =>
        {
            step();
            return hang.UntilCancelledAsync(token);
        };
        Task<ILockHandle> call = Locks.LockAsync("k").AsTask();
        await hang.Begun;
        Task disposal = Locks.DisposeAsync().AsTask();
        await Eventually.DoneAsync(Assert.ThrowsAsync<ObjectDisposedException>(() => call), "the call ends, no clock was moved");
        await Eventually.DoneAsync(disposal, "the disposal ends, no clock was moved");
        Assert.Null(Store.HolderOf("k"));
        Assert.True(Store.IsDisposed);
    }

    [Fact]
    public async Task A_call_that_leaves_while_the_disposal_looks_for_it_is_not_waited_for()
    {
        Contender contender = Locks.NewCall("k", EffectiveOptions.Resolve(new LockOptions(), null, isTry: true, "owner"));
        await using ILockHandle? handle = await contender.RunAsync(CancellationToken.None);
        Assert.True(contender.WhenLeft().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_caller_that_blocks_when_its_wait_ends_holds_up_neither_the_disposal_nor_other_callers()
    {
        using var open = new ManualResetEventSlim();
        Store.HoldElsewhere("a", Seconds(600));
        Store.HoldElsewhere("b", Seconds(600));
        int ended = 0;
        Task[] calls = new[] { BlockAsync("a"), BlockAsync("a"), BlockAsync("b") };
        await Eventually.TrueAsync(() => Store.Acquires == 2, "both heads contend");
        try
        {
            await Eventually.DoneAsync(Locks.DisposeAsync().AsTask(), "the disposal ends");
            await Eventually.TrueAsync(() => Volatile.Read(ref ended) == 3, "all were told");
        }
        finally
        {
            open.Set();
            await Task.WhenAll(calls);
        }

        async Task BlockAsync(string key)
        {
            try
            {
                await Locks.LockAsync(key).ConfigureAwait(false);
            }
            catch (ObjectDisposedException)
            {
                Interlocked.Increment(ref ended);
                open.Wait();
            }
        }
    }

    [Fact]
    public async Task A_store_that_fails_in_its_own_disposal_does_not_make_ours_fail()
    {
        var locks = new StoreLock(new BadlyEndingStore(Store), context: new LockProviderContext(Time, Logs));
        ILockHandle held = await locks.LockAsync("k");
        await locks.DisposeAsync();
        Assert.Null(Store.HolderOf("k"));
        Assert.Equal(LostReason.LockDisposed, held.LostReason);
    }

    [Fact]
    public async Task An_exception_that_no_store_should_throw_from_a_release_is_an_unknown_outcome_and_does_not_reach_the_disposal()
    {
        ILockHandle handle = await Locks.LockAsync("k");
        Store.OnRelease = (_, _, _) => throw new ArgumentException("odd");
        Assert.Equal(UnlockOutcome.Unknown, await handle.UnlockAsync());
        await Eventually.TrueAsync(() => Logs.Messages.Any(m => m.Contains("'release'", StringComparison.Ordinal)), "the log line");
        await Locks.DisposeAsync();
    }

    [Fact]
    public async Task A_failing_listing_is_a_store_exception()
    {
        await using var locks = new StoreLock(new BadlyEndingStore(Store), context: new LockProviderContext(Time, Logs));
        LockStoreException error = await Assert.ThrowsAsync<LockStoreException>(async () =>
        {
            await foreach (LockInfo info in locks.ListAsync())
                Assert.Fail(info.Key);
        });
        Assert.IsType<InvalidDataException>(error.InnerException);
    }

    [Fact]
    public async Task A_listing_that_hangs_is_left_when_it_is_cancelled()
    {
        await using var locks = new StoreLock(new BadlyEndingStore(Store) { Hangs = true }, context: new LockProviderContext(Time, Logs));
        using var stop = new CancellationTokenSource();
        var listing = Task.Run(async () =>
        {
            await foreach (LockInfo info in locks.ListAsync(cancellationToken: stop.Token))
                Assert.Fail(info.Key);
        });
        await Eventually.SettleAsync();
        await stop.CancelAsync();
        await Eventually.DoneAsync(Assert.ThrowsAnyAsync<OperationCanceledException>(() => listing), "cancelled promptly");
    }

    [Fact]
    public async Task A_store_that_blocks_in_its_own_cancellation_holds_up_no_disposal()
    {
        using var open = new ManualResetEventSlim();
        Store.OnAcquire = (_, _, token) =>
        {
            token.Register(open.Wait);
            return new Hang<AcquireReply>().DeafAsync();
        };
        Task<ILockHandle> call = Locks.LockAsync("k").AsTask();
        await Eventually.TrueAsync(() => Store.Acquires == 1, "the request");
        Task disposal = Locks.DisposeAsync().AsTask();
        try
        {
            await Time.AdvanceUntilAsync(() => disposal.IsCompleted, Seconds(0.5), Seconds(60), "the disposal ends");
            await Eventually.DoneAsync(Assert.ThrowsAsync<ObjectDisposedException>(() => call), "the call ends");
        }
        finally
        {
            open.Set();
        }
    }

    [Fact]
    public async Task A_store_that_blocks_in_its_own_disposal_holds_up_no_disposal()
    {
        using var open = new ManualResetEventSlim();
        var locks = new StoreLock(new BadlyEndingStore(Store) { Blocks = open }, context: new LockProviderContext(Time, Logs));
        await locks.LockAsync("k");
        var disposal = Task.Run(async () => await locks.DisposeAsync());
        try
        {
            await Time.AdvanceUntilAsync(() => disposal.IsCompleted, Seconds(0.5), Seconds(60), "the disposal ends");
        }
        finally
        {
            open.Set();
        }
    }

    [Fact]
    public async Task An_unlock_under_way_is_done_before_the_store_is_disposed()
    {
        var hang = new Hang<StoreReply>();
        Func<StoreReply>? release = null;
        Store.OnRelease = (_, step, _) =>
        {
            release = step;
            return hang.DeafAsync();
        };
        ILockHandle handle = await Locks.LockAsync("k");
        Task<UnlockOutcome> unlock = handle.UnlockAsync().AsTask();
        await hang.Begun;
        Task disposal = Locks.DisposeAsync().AsTask();
        await Eventually.SettleAsync();
        Assert.False(disposal.IsCompleted, "the store was disposed under the unlock");
        Assert.False(Store.IsDisposed);
        hang.End(release!());
        Assert.Equal(UnlockOutcome.Released, await Eventually.DoneAsync(unlock, "the unlock"));
        await Eventually.DoneAsync(disposal, "the disposal ends, no clock was moved");
        Assert.Null(Store.HolderOf("k"));
    }

    private sealed class BadlyEndingStore(ScriptedStore inner) : DelegatingLockStore(inner)
    {
        public bool Hangs { get; init; }

        public ManualResetEventSlim? Blocks { get; init; }

        public override async IAsyncEnumerable<LockInfo> ListAsync(string prefix,
            [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Yield();
            if (Hangs)
                await new Hang<bool>().DeafAsync();
            if (prefix is not null)
                throw new InvalidDataException("odd");
            yield break;
        }

        public override async ValueTask DisposeAsync()
        {
            Blocks?.Wait();
            await base.DisposeAsync();
            throw new InvalidDataException("odd");
        }
    }
}
