using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The engine over the store: what a user sees while servers fail.</summary>
public sealed class MongoEngineTests(MongoServer server) : IClassFixture<MongoServer>
{
    private readonly string _key = Guid.NewGuid().ToString();

    [Fact]
    public async Task A_waiter_of_another_process_gets_the_lock_when_it_is_released()
    {
        string collection = server.SharedCollection;
        await using StoreLock first = Create(server.Uri, collection);
        await using StoreLock second = Create(server.Uri, collection);
        ILockHandle held = await first.LockAsync(_key);
        Task<ILockHandle> waiting = second.LockAsync(_key, new LockOptions { RetryDelay = TimeSpan.FromMilliseconds(5) }).AsTask();
        await Eventually.SettleAsync();
        Assert.False(waiting.IsCompleted);
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await using ILockHandle next = await Eventually.DoneAsync(waiting, "the waiter has the lock");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task Processes_that_want_a_lock_all_the_time_take_turns()
    {
        const int Processes = 3;
        const int Turns = 12;
        List<int> order = [];
        await Task.WhenAll(Enumerable.Range(0, Processes).Select(number => Task.Run(async () =>
        {
            await using StoreLock locks = Create(server.Uri, server.SharedCollection);
            await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
            {
                for (int turn = 0; turn < Turns; turn++)
                {
                    await using ILockHandle handle = await locks.LockAsync(_key);
                    order.Add(number); // under the lock
                }
            }));
        })));
        Assert.Equal(Enumerable.Repeat(2 * Turns, Processes),
            Enumerable.Range(0, Processes).Select(number => order.Count(one => one == number)));

        // Where whoever released it takes it again, a process has all of its turns on end. The last ones of one process may be.
        int changes = order.Zip(order.Skip(1)).Count(pair => pair.First != pair.Second);
        Assert.True(changes > order.Count / 2, string.Join(' ', order));
    }

    [Fact]
    public async Task A_waiter_gets_the_lock_of_a_holder_that_died_when_its_lease_ends()
    {
        FakeTimeProvider time = new(MongoServer.LaterThanAnyPurge);
        await using MongoGateway gateway = server.StartGateway();
        gateway.Clock = time;
        await using var dead = new TestStore(gateway.Uri);
        TimeSpan ttl = TimeSpan.FromMilliseconds(300);
        await dead.AcquireAsync(_key, TestStore.NewId(), ttl);
        // The pause between attempts is long: only what the store knows can bring the waiter back in time.
        await using StoreLock locks = Create(gateway.Uri, dead.Settings.Collection);
        var options = new LockOptions { RetryDelay = TimeSpan.FromMinutes(5), PollInterval = TimeSpan.FromMinutes(5) };
        gateway.Log.Clear();
        Task<ILockHandle> waiting = locks.LockAsync(_key, options).AsTask();
        await Eventually.TrueAsync(() => gateway.Log.Count(command => command == "findAndModify") >= 2, "told that it is held");
        Assert.False(waiting.IsCompleted);
        time.Advance(ttl);
        await using ILockHandle handle = await Eventually.DoneAsync(waiting, "the waiter has the lock");
        Assert.True(handle.AcquiredOnAttempt >= 2);
    }

    [Fact]
    public async Task A_lock_is_kept_over_a_change_of_the_primary()
    {
        await using MongoGateway first = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using MongoGateway second = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        second.OtherPrimary = first.Address;
        await using StoreLock locks = Create($"mongodb://{first.Address},{second.Address}/?replicaSet=rs0", server.SharedCollection);
        await using ILockHandle handle = await locks.LockAsync(_key,
            new LockOptions { Ttl = TimeSpan.FromMinutes(5), AutoRenew = true, RenewInterval = TimeSpan.FromMilliseconds(50) });

        second.OtherPrimary = null;
        first.OtherPrimary = second.Address;
        first.Faults.Inject("findAndModify", GatewayFault.NotWritablePrimary);
        await Eventually.TrueAsync(() => second.Log.Count(command => command == "findAndModify") >= 3, "renewed at the new primary");
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    }

    [Fact]
    public async Task A_lock_is_lost_when_the_server_stays_away_and_can_be_taken_again_when_it_is_back()
    {
        MongoGateway gone = server.StartGateway();
        int port = gone.Port;
        await using StoreLock locks = Create(gone.Uri, server.SharedCollection);
        ILockHandle handle = await locks.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromMilliseconds(600), AutoRenew = true });
        await gone.DisposeAsync();
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "told that the lock is lost");

        await using MongoGateway back = server.StartGateway(port: port);
        await using ILockHandle next = await Eventually.DoneAsync(locks.LockAsync(_key).AsTask(), "taken again");
        Assert.True(next.FencingToken > handle.FencingToken);
        await handle.DisposeAsync();
    }

    [Fact]
    public async Task A_lock_that_is_taken_by_force_is_lost_at_the_next_renewal()
    {
        string collection = server.SharedCollection;
        await using StoreLock locks = Create(server.Uri, collection);
        await using StoreLock other = Create(server.Uri, collection);
        await using ILockHandle handle = await locks.LockAsync(_key,
            new LockOptions { Ttl = TimeSpan.FromSeconds(20), AutoRenew = true, RenewInterval = TimeSpan.FromMilliseconds(50) });
        Assert.True(await other.ForceUnlockAsync(_key));
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "told that the lock is lost");
    }

    [Theory]
    [InlineData(nameof(GatewayFault.LoseReply))]
    [InlineData(nameof(GatewayFault.CloseBefore))]
    [InlineData(nameof(GatewayFault.TruncateReply))]
    public async Task A_lost_reply_changes_no_outcome(string fault)
    {
        await using MongoGateway gateway = server.StartGateway();
        GatewayFault kind = Enum.Parse<GatewayFault>(fault);
        await using StoreLock locks = Create(gateway.Uri, server.SharedCollection);
        gateway.Faults.Inject("createIndexes", kind);
        gateway.Faults.Inject("findAndModify", kind);
        ILockHandle handle = await locks.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromMinutes(1) });
        gateway.Faults.Inject("findAndModify", kind);
        Assert.True(await handle.TryExtendAsync(TimeSpan.FromMinutes(2)));
        gateway.Faults.Inject("update", kind);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(await locks.GetAsync(_key));
    }

    private static StoreLock Create(string uri, string collection)
    {
        var config = new MongoLockSettings { Url = uri, Database = "lock_tests", Collection = collection,
            ConnectTimeout = TestStore.Patience, CommandTimeout = TestStore.Patience };
        return new StoreLock(new MongoLockProvider().CreateStore(config, null, LockProviderContext.Default));
    }
}
