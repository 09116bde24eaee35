using System.Runtime.CompilerServices;
using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests.Sharing;

/// <summary>All in-memory locks of a process with the same clock and name share one table.</summary>
public sealed class SharedTablesTests
{
    private readonly FakeTimeProvider _time = new();

    private LockProviderContext Context => LockProviderContext.Default with { TimeProvider = _time };

    [Fact]
    public async Task Every_way_to_make_locks_on_one_clock_meets_the_same_table()
    {
        var provider = new InMemoryLockProvider();
        await using var direct = new InMemoryLock(context: Context);
        await using ILock made = provider.CreateLock(new LockConfig(), Context);
        await using var overStore = new StoreLock(new InMemoryLockStore(_time), context: Context);
        var shared = new LockConfig { Connection = new LockSettings { ["isolated"] = false } };
        await using var overMade = new StoreLock(provider.CreateStore(shared, Context), context: Context);
        ILock[] all = [direct, made, overStore, overMade];
        foreach (ILock holding in all)
        {
            await using ILockHandle handle = await holding.LockAsync("k");
            foreach (ILock other in all)
                Assert.Null(await other.TryLockAsync("k"));
        }
    }

    [Fact]
    public async Task A_name_a_clock_or_isolation_keep_locks_apart()
    {
        using var table = new InMemoryLockTable(_time);
        ILock[] apart =
        [
            Named(null, null), Named("a", null), Named("A", null), Named(null, isolated: true), Named(null, isolated: true),
            new InMemoryLock(context: Context, table: table),
            new InMemoryLock(context: LockProviderContext.Default with { TimeProvider = new FakeTimeProvider() }),
        ];
        foreach (ILock locks in apart)
            Assert.NotNull(await locks.TryLockAsync("k"));
        await using (ILock again = Named("a", isolated: false))
            Assert.Null(await again.TryLockAsync("k"));
        foreach (ILock locks in apart)
            await locks.DisposeAsync();
    }

    [Fact]
    public void A_name_for_a_table_of_ones_own_is_refused()
    {
        LockConfigException refused = Assert.Throws<LockConfigException>(() => Named("a", isolated: true));
        Assert.Equal("connection.isolated", refused.Path);
    }

    [Fact]
    public async Task A_lease_that_outlives_its_locks_meets_whoever_comes_next()
    {
        await using (ILock first = Named("kept", null))
            await first.LockAsync("k", new LockOptions { KeepOnDisconnect = true, Ttl = TimeSpan.FromHours(1) });
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        await using ILock second = Named("kept", null);
        Assert.Null(await second.TryLockAsync("k"));
        _time.Advance(TimeSpan.FromHours(1));
        await using ILockHandle? handle = await second.TryLockAsync("k");
        Assert.NotNull(handle);
    }

    [Fact]
    public async Task A_name_that_nobody_uses_is_forgotten_but_its_last_token_is_not()
    {
        var shared = SharedTables.Of(_time);
        long last = 0L;
        for (int round = 0; round < 3; round++)
        {
            await using var locks = (InMemoryLock)Named("once", null);
            Assert.Equal(1, shared.Count);

            // As after more than a grant a microsecond: the clock alone would seed the next table below this.
            if (round == 0)
                locks.Table.RaiseTokens(locks.Table.LastToken + 1_000_000_000);
            await using ILockHandle handle = await locks.LockAsync("k");
            Assert.True(handle.FencingToken > last);
            last = handle.FencingToken!.Value;
        }

        Assert.Equal(0, shared.Count);
    }

    [Fact]
    public async Task Nothing_keeps_the_tables_of_a_clock_alive_that_is_gone()
    {
        (WeakReference clock, WeakReference table) = await UseOnceAsync();
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !clock.IsAlive && !table.IsAlive;
            },
            "the clock and its table to be collected");

        [MethodImpl(MethodImplOptions.NoInlining)]
        static async Task<(WeakReference Clock, WeakReference Table)> UseOnceAsync()
        {
            var time = new FakeTimeProvider();

            // Never disposed, and its lease never ends.
            var locks = new InMemoryLock(context: LockProviderContext.Default with { TimeProvider = time });
            await locks.LockAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan });
            return (new WeakReference(time), new WeakReference(locks.Table));
        }
    }

    [Fact]
    public async Task The_shared_table_keeps_no_context_of_whoever_came_first()
    {
        await using var locks = new InMemoryLock(context: Context);
        WeakReference request = await UseAsync(locks);
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !request.IsAlive;
            },
            "the first caller's context to be collected");
        GC.KeepAlive(locks);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static async Task<WeakReference> UseAsync(InMemoryLock locks)
        {
            var current = new AsyncLocal<object?> { Value = new object() };
            var request = new WeakReference(current.Value);

            // The first of everything: the table's timers, a wait with a limit, a lost signal.
            ILockHandle handle = await locks.LockAsync("k");
            _ = handle.LostToken;
            Assert.Null(await locks.TryLockAsync("k", TimeSpan.Zero));
            Task<ILockHandle> waiting = locks.LockAsync("k", TimeSpan.FromMinutes(1)).AsTask();
            await handle.UnlockAsync();
            await (await waiting).DisposeAsync();
            current.Value = null;
            return request;
        }
    }

    private ILock Named(string? name, bool? isolated) => new InMemoryLockProvider().CreateLock(
        new LockConfig { Connection = new LockSettings { ["name"] = name, ["isolated"] = isolated } }, Context);
}
