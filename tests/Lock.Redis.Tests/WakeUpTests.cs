using Locking.Conformance;

namespace Locking;

/// <summary>A waiter gets its lock at whatever moment between two of its steps the holder releases. There is no safety net to
/// help.</summary>
public sealed class WakeUpTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private static readonly LockOptions s_noNet = new() { PollInterval = TimeSpan.FromHours(1), Ttl = TimeSpan.FromHours(1) };

    [Theory]
    [InlineData("before attempt 1", 0)]
    [InlineData("after attempt 1", 1)]
    [InlineData("before the subscription", 1)]
    [InlineData("after the subscription", 1)]
    [InlineData("before attempt 2", 1)]
    [InlineData("after attempt 2", 2)]
    [InlineData("before the wait", 2)]
    [InlineData("during the wait", 2)]
    public async Task A_release_between_any_two_steps_of_a_waiter_wakes_it(string moment, int busyBefore)
    {
        string key = NewKey();
        RedisLockStore holder = NewStore();
        string id = NewId();
        await TakeAsync(holder, key, id, TimeSpan.FromHours(1));
        int busy = 0;
        bool released = false;
        SteppedStore store = DelegatingLockStore.Over<SteppedStore>(NewStore(), async Task (string now, bool wasBusy) =>
        {
            if (wasBusy)
                busy++;
            if (now != moment || released)
                return;
            released = true;
            Assert.Equal(busyBefore, busy);
            Assert.Equal(StoreReply.Done, await ReleaseAsync(holder, key, id));
        });
        await using var locks = new StoreLock(store, s_noNet);
        await using ILockHandle handle = await Eventually.DoneAsync(locks.LockAsync(key).AsTask(), $"the lock that was released {moment}");
        Assert.True(released);
        Assert.Equal(busyBefore, busy);
    }

    /// <summary>Tells each moment between the steps, and goes on when the listener has done what it wants.</summary>
    public class SteppedStore(ILockStore inner, Func<string, bool, Task> at) : DelegatingLockStore(inner)
    {
        private int _attempts;

        public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
        {
            int attempt = ++_attempts;
            await at($"before attempt {attempt}", false);
            AcquireReply reply = await base.TryAcquireAsync(request, cancellationToken);
            await at($"after attempt {attempt}", !reply.IsGranted);
            return reply;
        }

        public override async ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
        {
            await at("before the subscription", false);
            IReleaseWatch watch = await base.WatchAsync(key, cancellationToken);
            await at("after the subscription", false);
            return new SteppedWatch(watch, at);
        }
    }

    private sealed class SteppedWatch(IReleaseWatch inner, Func<string, bool, Task> at) : IReleaseWatch
    {
        public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
        {
            await at("before the wait", false);
            ValueTask<bool> waiting = inner.WaitAsync(atMost, cancellationToken);
            await at("during the wait", false);
            return await waiting;
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
