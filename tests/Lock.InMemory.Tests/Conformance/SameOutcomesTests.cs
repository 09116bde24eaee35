using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests;

/// <summary>One program, once on the in-memory fast path and once on the general engine over the same store: what it sees must be the
/// same.</summary>
public sealed class SameOutcomesTests
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(10_000);

    private static readonly Dictionary<string, Func<Scene, Task>> s_scenes = new(StringComparer.Ordinal)
    {
        ["retries run out"] = async s =>
        {
            await s.Locks.LockAsync("k");
            Task<ILockHandle> call =
                s.Locks.LockAsync("k", new LockOptions { RetryCount = 4, RetryDelay = Seconds(1), RetryJitter = TimeSpan.Zero })
                .AsTask();
            await s.AdvanceAsync(4.5);
            await s.SayAsync(() => call);
        },
        ["retries without delay run out"] = async s =>
        {
            await s.Locks.LockAsync("k");
            await s.SayAsync(() => s.Locks.LockAsync("k", new LockOptions { RetryCount = 4, RetryDelay = TimeSpan.Zero }).AsTask());
        },
        ["granted within the third attempt"] = async s =>
        {
            ILockHandle holder = await s.Locks.LockAsync("k");
            Task<ILockHandle> call =
                s.Locks.LockAsync("k", new LockOptions { RetryCount = 9, RetryDelay = Seconds(1), RetryJitter = TimeSpan.Zero })
                .AsTask();
            await s.AdvanceAsync(2.5);
            s.Say(await holder.UnlockAsync());
            await using ILockHandle handle = await Eventually.DoneAsync(call, "granted");
            s.Say($"{handle.AcquiredOnAttempt} {handle.AcquireDelay}");
        },
        ["the largest retry count and the longest spans"] = async s =>
        {
            ILockHandle holder = await s.Locks.LockAsync("k");
            var options = new LockOptions
            {
                RetryCount = int.MaxValue, RetryDelay = s_longest, WaitTimeout = s_longest, Ttl = s_longest, MaxHold = s_longest,
                ReleaseTimeout = s_longest,
            };
            Task<ILockHandle>[] calls = new[] { s.Locks.LockAsync("k", options).AsTask(), s.Locks.LockAsync("k", options).AsTask() };
            await Eventually.SettleAsync();
            s.Say($"{calls[0].IsCompleted} {calls[1].IsCompleted}");
            await holder.UnlockAsync();
            foreach (Task<ILockHandle>? call in calls)
            {
                ILockHandle handle = await Eventually.DoneAsync(call, "granted");
                s.Say($"{handle.AcquiredOnAttempt} {await handle.TryExtendAsync(s_longest)} {await handle.UnlockAsync()}");
            }
        },
        ["the wait runs out"] = async s =>
        {
            await s.Locks.LockAsync("k");
            Task<ILockHandle?> attempt = s.Locks.TryLockAsync("k", new LockOptions { WaitTimeout = Seconds(2) }).AsTask();
            Task<ILockHandle> call = s.Locks.LockAsync("k", new LockOptions { WaitTimeout = Seconds(3) }).AsTask();
            await s.SayAsync(() => s.Locks.TryLockAsync("k").AsTask());
            await s.SayAsync(() => s.Locks.LockAsync("k", new LockOptions { WaitTimeout = TimeSpan.Zero }).AsTask());
            // No time passes while a call ends: its last step has a limit by the same clock.
            await s.AdvanceAsync(2);
            await s.SayAsync(() => attempt);
            await s.AdvanceAsync(1);
            await s.SayAsync(() => call);
        },
        ["cancelled while it waits"] = async s =>
        {
            ILockHandle holder = await s.Locks.LockAsync("k");
            using var stop = new CancellationTokenSource();
            Task<ILockHandle> cancelled = s.Locks.LockAsync("k", stop.Token).AsTask();
            Task<ILockHandle> next = s.Locks.LockAsync("k").AsTask();
            await Eventually.SettleAsync();
            await stop.CancelAsync();
            await s.SayAsync(() => cancelled);
            s.Say((await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled)).CancellationToken == stop.Token);
            await s.SayAsync(() => s.Locks.LockAsync("other", stop.Token).AsTask());
            s.Say(await holder.UnlockAsync());
            s.Say((await Eventually.DoneAsync(next, "granted")).LostReason);
        },
        ["a fixed lease runs out"] = async s =>
        {
            ILockHandle first = await s.Locks.LockAsync("k", Fixed(3));
            ILockHandle second = await s.Locks.LockAsync("l", Fixed(3));
            await s.AdvanceAsync(3);
            await s.SayAllAsync(first);
            await using ILockHandle thief = await s.Other.LockAsync("l");
            await s.SayAllAsync(second);
        },
        ["maxHold against extending"] = async s =>
        {
            ILockHandle handle = await s.Locks.LockAsync("k", new LockOptions { MaxHold = Seconds(5) });
            await s.AdvanceAsync(2);
            s.Say(await handle.TryExtendAsync(Seconds(600)));
            s.Say(handle.Remaining <= Seconds(3));
            await s.AdvanceAsync(3);
            await s.SayAllAsync(handle);
        },
        ["without expiry, then with one"] = async s =>
        {
            ILockHandle handle = await s.Locks.LockAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan });
            await s.AdvanceAsync(100);
            s.Say(handle.Remaining);
            s.Say(await handle.TryExtendAsync(Seconds(3)));
            await s.AdvanceAsync(3);
            await s.SayAllAsync(handle);
        },
        ["given back, then used"] = async s =>
        {
            ILockHandle handle = await s.Locks.LockAsync("k");
            s.Say(await handle.UnlockAsync());
            await s.SayAllAsync(handle);
            s.Say(await s.Locks.TryExtendAsync("k", handle.Id, Seconds(5)));
            s.Say(await s.Locks.UnlockAsync("k", handle.Id));
            await using ILockHandle next = await s.Locks.LockAsync("k");
            s.Say(await s.Locks.UnlockAsync("k", handle.Id));
            s.Say(await s.Locks.TryExtendAsync("k", handle.Id, Seconds(5)));
            s.Say(await s.Other.TryExtendAsync("k", next.Id, Seconds(5)));
        },
        ["given back by id"] = async s =>
        {
            ILockHandle handle = await s.Locks.LockAsync("k");
            s.Say(await s.Locks.UnlockAsync("k", handle.Id));
            await s.SayAllAsync(handle);
        },
        ["taken by force"] = async s =>
        {
            ILockHandle handle = await s.Locks.LockAsync("k");
            Task<ILockHandle> waiter = s.Locks.LockAsync("k").AsTask();
            await Eventually.SettleAsync();
            s.Say(await s.Other.ForceUnlockAsync("k"));
            await using (await Eventually.DoneAsync(waiter, "granted"))
                await s.SayAllAsync(handle);
            s.Say(await s.Other.ForceUnlockAsync("k"));
        },
        ["disposed"] = async s =>
        {
            ILockHandle held = await s.Locks.LockAsync("k");
            CancellationToken token = held.LostToken;
            Task<ILockHandle> waiter = s.Locks.LockAsync("k").AsTask();
            await Eventually.SettleAsync();
            await s.Locks.DisposeAsync();
            await s.SayAsync(() => waiter);
            s.Say(token.IsCancellationRequested);
            await s.SayAllAsync(held);
            await s.SayAsync(() => s.Locks.LockAsync("k").AsTask());
            s.Say(await s.Other.GetAsync("k") is null);
        },
        ["disposed, but to be kept"] = async s =>
        {
            ILockHandle held = await s.Locks.LockAsync("k",
                new LockOptions { KeepOnDisconnect = true, AutoRenew = true, Ttl = Seconds(5) });
            await s.Locks.DisposeAsync();
            s.Say($"{held.LostReason} {await s.Other.GetAsync("k") is null}");
            await s.AdvanceAsync(6);
            s.Say($"{held.LostReason} {await s.Other.GetAsync("k") is null} {held.LostToken.IsCancellationRequested}");
        },
        ["bad arguments"] = async s =>
        {
            await s.SayAsync(() => s.Locks.LockAsync(string.Empty).AsTask());
            await s.SayAsync(() => s.Locks.LockAsync(new string('x', 1025)).AsTask());
            await s.SayAsync(() => s.Locks.LockAsync("half \udc00 of a character").AsTask());
            await s.SayAsync(() => s.Locks.LockNsAsync("k").AsTask());
            await s.SayAsync(() => s.Locks.LockAsync("k", new LockOptions { Ttl = Seconds(1), RenewInterval = Seconds(0.6) }).AsTask());
        },
    };

    public static TheoryData<string> Names => [.. s_scenes.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Both_ways_tell_the_same(string scene)
    {
        IReadOnlyList<string> fast = await RunAsync(scene, static (table, context) => new InMemoryLock(null, null, context, table));
        IReadOnlyList<string> general =
            await RunAsync(scene, static (table, context) => new StoreLock(new InMemoryLockStore(table), null, null, context));
        Assert.NotEmpty(fast);
        Assert.Equal(general, fast);
    }

    private static LockOptions Fixed(double seconds) => new() { Ttl = Seconds(seconds), AutoRenew = false };

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static async Task<IReadOnlyList<string>> RunAsync(string scene, Func<InMemoryLockTable, LockProviderContext, ILock> create)
    {
        var time = new FakeTimeProvider();
        using var table = new InMemoryLockTable(time);
        LockProviderContext context = LockProviderContext.Default with { TimeProvider = time };
        await using ILock locks = create(table, context);
        await using ILock other = create(table, context);
        var stage = new Scene(locks, other, time);
        await s_scenes[scene](stage);
        return stage.Said;
    }

    private sealed class Scene(ILock locks, ILock other, FakeTimeProvider time)
    {
        public ILock Locks => locks;

        public ILock Other => other;

        public List<string> Said { get; } = [];

        /// <summary>In steps, as renewals and timers one after the other need it.</summary>
        public async Task AdvanceAsync(double seconds)
        {
            for (double left = seconds; left > 0; left -= 0.5)
            {
                await Eventually.SettleAsync();
                time.Advance(Seconds(Math.Min(left, 0.5)));
            }

            await Eventually.SettleAsync();
        }

        public void Say(object? what) => Said.Add($"{what}");

        /// <summary>The result's kind, or the exception's with its figures.</summary>
        public async Task SayAsync<T>(Func<Task<T>> call)
        {
            try
            {
                T? handle = await Eventually.DoneAsync(call(), "the call ends");
                Say(handle is null ? "null" : "a handle");
            }
            catch (LockTimeoutException busy)
            {
                Say($"busy {busy.Key} {busy.Attempts} {busy.Waited}");
            }
            catch (OperationCanceledException)
            {
                Say("cancelled");
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                Say(exception.GetType().Name);
            }
        }

        /// <summary>All that a handle can be asked, and its end.</summary>
        public async Task SayAllAsync(ILockHandle handle)
        {
            Say($"{handle.Remaining == TimeSpan.Zero} {handle.LostReason} {handle.LostToken.IsCancellationRequested}");
            await SayAsync(() =>
            {
                handle.ThrowIfLost();
                return Task.FromResult(handle);
            });
            await SayAsync(async () => await handle.ExtendAsync(Seconds(5)));
            await SayAsync(async () => await handle.TryExtendAsync(Seconds(5)) ? handle : null);
            Say(await handle.UnlockAsync());
            Say(await handle.UnlockAsync());
        }
    }
}
