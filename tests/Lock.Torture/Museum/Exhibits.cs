using System.Collections.Concurrent;

namespace Locking.Torture;

/// <summary>The museum.</summary>
public static class Exhibits
{
    private static readonly TimeSpan s_little = TimeSpan.FromMilliseconds(60);

    /// <summary>Nothing is wrong with it: a small right client, and this library's engine, over a right store.</summary>
    public static IReadOnlyList<Exhibit> Right { get; } =
    [
        new("right-client", "A small client without flaws.", [], Simple(Flaws.None), static (room, _) => PlainStore.Right(room.Table)),
        new("right-engine", "This library's engine.", [], Engine, static (room, _) => PlainStore.Right(room.Table)),
    ];

    /// <summary>All that are broken.</summary>
    public static IReadOnlyList<Exhibit> All { get; } = [.. Releases(), .. Leases(), .. Acquires(), .. Tokens(), .. Servers()];

    private static Func<int, ILockStore, ITortureClient> Simple(Flaws flaws) => (_, store) => new SimpleClient(store, flaws);

    private static OwnClient Engine(int worker, ILockStore store) =>
        new(new StoreLock(store, new LockOptions { RetryDelay = TimeSpan.FromMilliseconds(3), RetryJitter = TimeSpan.Zero }));

    private static PlainStore Store(Room room) => PlainStore.Right(room.Table);

    private static IEnumerable<Exhibit> Releases() =>
    [
        new("release-by-key",
            "DEL without a look at the holder, as many clients of SET NX do: who comes late releases the lock of the next.",
            [Rule.Exclusion], Simple(Flaws.None), static (room, _) => new ReleasesByKey(Store(room))) { Arrange = Overstaying },
        new("release-in-two-steps", "GET, compare, DEL as three requests: the lease may change hands in between.",
            [Rule.Exclusion], Simple(Flaws.None),
            static (room, _) =>
                new ChecksThenDeletes(Store(room), s_little)) { Arrange = static arena => arena with { Habit = Habit.HoldToTheEnd } },
        new("withdrawal-frees-the-lock",
            "A waiter that gives up, or whose connection ends, frees the lock of the holder (npm's live-mutex: 833 of 1,000 turns "
                + "overlapped while other clients came and went).",
            [Rule.Exclusion], Engine, static (room, _) => new ReleasesByKey(Store(room))),
        new("watchdog-outlives-unlock", "A renewal that goes on after a failed unlock (redisson): the lock is never free again.",
            [Rule.Liveness], Simple(Flaws.RenewsAfterFailedRelease), static (room, _) => Store(room))
        {
            Arrange = static arena => arena with { Bound = TimeSpan.FromSeconds(1.5) },
        },
        new("says-released", "Unlock that answers success whatever the store says (many clients drop the script's result).",
            [Rule.Outcomes], Simple(Flaws.SaysReleased), static (room, _) => Store(room)),
    ];

    private static IEnumerable<Exhibit> Leases() =>
    [
        new("counts-from-reply", "The lease is counted from the answer: a slow answer makes a holder that the store has forgotten.",
            [Rule.Exclusion], Simple(Flaws.CountsFromReply), static (room, _) => Store(room)) { Arrange = Overstaying },
        new("counts-renewal-from-reply", "The same at the renewal only; a late answer to it restores what was counted lost.",
            [Rule.Exclusion], Simple(Flaws.CountsRenewalFromReply),
            static (room, _) => new SlowRenewals(Store(room), TimeSpan.FromMilliseconds(70), TimeSpan.FromMilliseconds(100)))
        {
            Arrange = static arena => HoldingLong(arena) with { IsRough = false, Margin = TimeSpan.FromMilliseconds(20) },
        },
        new("announces-late",
            "The loss is found out by polling: DistributedLock.Redis tells at 33 s for a lease of 30 s when its server hangs.",
            [Rule.Loss, Rule.Exclusion], Simple(Flaws.AnnouncesLate), static (room, _) => Store(room)) { Arrange = Overstaying },
        new("renewal-retakes",
            "RedLock.net's extension sets the key anew where it has expired, and the holder never hears that another had it meanwhile.",
            [Rule.Exclusion], Simple(Flaws.TrustsRenewals), static (room, _) => new RenewalRecreates(Store(room))) { Arrange = LosingMuch },
        new("renewal-does-nothing",
            "A renewal that is confirmed without effect (memcached's touch on another node, an UPDATE that matches nothing).",
            [Rule.Exclusion], Simple(Flaws.None), static (room, _) => new RenewalDoesNothing(Store(room))) { Arrange = HoldingLong },
        new("rounds-down", "Leases in whole units, rounded down (EXPIRE in seconds, etcd's leases).",
            [Rule.Exclusion], Simple(Flaws.None),
            static (room, _) => new RoundsDown(Store(room), TimeSpan.FromMilliseconds(110))) { Arrange = Overstaying },
        new("clock-of-the-client",
            "Expiry compared with the client's own clock (DistributedLock.FileSystem's kin, many SQL lock tables): one clock is ahead.",
            [Rule.Exclusion], Simple(Flaws.None),
            static (room, worker) =>
                new ClockOfTheClient(Store(room), TimeSpan.FromMilliseconds(worker == 0 ? 120 : 0))) { Arrange = Overstaying },
    ];

    private static IEnumerable<Exhibit> Acquires() =>
    [
        new("looks-then-takes", "Look and take as two requests: two look, both take.",
            [Rule.Exclusion], Simple(Flaws.None), static (room, _) => new LooksThenTakes(Store(room))),
        new("sets-then-expires", "SETNX, then EXPIRE: who dies in between leaves a lock for ever.",
            [Rule.Liveness], Simple(Flaws.NewIdEachTime),
            static (room, _) => new SetsThenExpires(Store(room), room.Random))
        {
            Arrange = static arena => arena with { Bound = TimeSpan.FromSeconds(1.5) },
        },
        new("refused-by-its-own-success",
            "A conditional write that is sent again after a lost answer, and refused by what it wrote itself.",
            [Rule.Outcomes], Simple(Flaws.None), static (room, _) => new RefusedByItsOwnSuccess(Store(room))) { Arrange = Alone },
        new("new-id-each-time", "Every attempt has an id of its own: the answer that was lost keeps the lock from its own client.",
            [Rule.Outcomes], Simple(Flaws.NewIdEachTime), static (room, _) => Store(room)) { Arrange = Alone },
        new("fails-open", "A store that fails grants the lock (a catch block that goes on).",
            [Rule.Exclusion], Simple(Flaws.FailsOpen), static (room, _) => Store(room)),
        new("gives-up-early", "A wait that ends before its time, as busy.",
            [Rule.Outcomes], Simple(Flaws.GivesUpEarly), static (room, _) => Store(room)),
    ];

    private static IEnumerable<Exhibit> Tokens() =>
    [
        new("token-restarts",
            "The counter lives in the record that the release deletes (DistributedLock.MongoDB's token begins at 1 again).",
            [Rule.Tokens, Rule.Resource], Simple(Flaws.None), static (room, _) =>
            {
                ConcurrentDictionary<string, long> counters =
                    room.Share("counters", static () => new ConcurrentDictionary<string, long>(StringComparer.Ordinal));
                return new OtherTokens(Store(room), key => counters.AddOrUpdate(key, 1L, static (_, last) => last + 1),
                    key => counters.TryRemove(key, out long _));
            }),
        new("token-of-a-clock", "The client's clock is the token: clocks differ.",
            [Rule.Tokens, Rule.Resource], Simple(Flaws.None), static (room, worker) =>
                new OtherTokens(Store(room), _ => (HistoryLog.Now / 10) - (worker * 3_000_000))),
        new("token-of-a-snapshot", "The counter is as old as the last snapshot after each restart.",
            [Rule.Tokens, Rule.Resource], Simple(Flaws.None), static (room, _) =>
            {
                long[] counter = room.Share("counter", static () => new long[1]);
                return new OtherTokens(Store(room),
                    _ => Interlocked.Increment(ref counter[0]) % 40 == 0
                        ? Interlocked.Add(ref counter[0], -20)
                        : Volatile.Read(ref counter[0]));
            }),
        new("token-twice", "A token in milliseconds: two grants in one of them have the same.",
            [Rule.Tokens, Rule.Resource], Simple(Flaws.None),
            static (room, _) => new OtherTokens(Store(room), static _ => HistoryLog.Now / TimeSpan.TicksPerMillisecond / 20)),
    ];

    private static IEnumerable<Exhibit> Servers() =>
    [
        new("majority-of-answers", "A quorum that counts only the nodes that answer: a client behind a bad network wins with one vote.",
            [Rule.Exclusion], Simple(Flaws.None), static (room, worker) =>
            {
                InMemoryLockTable[] tables =
                    room.Share("tables", static () => new[] { new InMemoryLockTable(), new InMemoryLockTable(), new InMemoryLockTable() });
                return new MajorityOfAnswers(
                    [.. tables.Select((table, i) =>
                        new RoughNetwork(PlainStore.Right(table), (worker * 10) + i, TimeSpan.FromMilliseconds(20)))]);
            }) { Arrange = static arena => arena with { IsRough = false } },
        new("second-restart-ends-the-pause",
            "A broker that grants nothing after a restart until old leases have ended, and forgets that when it is restarted again (this "
                + "library's own, before its record of leases).",
            [Rule.Exclusion], Simple(Flaws.None),
            static (room, _) =>
                new PauseThatASecondRestartEnds(
                    room.Share("server", static () => new PauseThatASecondRestartEnds.Server(TimeSpan.FromMilliseconds(200)))))
        {
            Arrange = HoldingLong,
        },
    ];

    private static Arena Alone(Arena arena) => arena with { Workers = 1, Tasks = 1, Keys = 1, LossOneIn = 4 };

    private static Arena HoldingLong(Arena arena) => arena with { Habit = Habit.HoldLong };

    private static Arena LosingMuch(Arena arena) => HoldingLong(arena) with { LossOneIn = 3 };

    private static Arena Overstaying(Arena arena) => arena with { Habit = Habit.Overstay };
}
