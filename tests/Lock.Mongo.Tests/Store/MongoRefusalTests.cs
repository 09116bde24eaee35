using Locking.Conformance;

namespace Locking;

/// <summary>Answers that are neither plainly good nor plainly bad: errors inside a reply that says <c>ok</c>.</summary>
public sealed class MongoRefusalTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly string _key = Guid.NewGuid().ToString();
    private readonly string _a = TestStore.NewId();
    private readonly string _b = TestStore.NewId();

    [Fact]
    public async Task A_write_error_that_passes_is_repeated_and_does_not_show()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        gateway.Faults.Inject("findAndModify", GatewayFault.WriteConflict);
        Assert.True((await store.AcquireAsync("k", _a)).IsGranted);
        gateway.Faults.Inject("findAndModify", GatewayFault.WriteConflict);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, s_minute, default));
        gateway.Faults.Inject("update", GatewayFault.WriteConflict);
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
    }

    [Theory]
    [InlineData(nameof(GatewayFault.WriteConflict), 112, true)]
    [InlineData(nameof(GatewayFault.ValidationFailure), 121, false)]
    public async Task A_write_error_that_stays_has_changed_nothing(string fault, int code, bool isTransient)
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        gateway.Faults.Decide = command => command is "findAndModify" or "update" ? Enum.Parse<GatewayFault>(fault) : null;
        await RefusedAsync(() => store.AcquireAsync("free", _b).AsTask());
        await RefusedAsync(() => store.Store.TryExtendAsync("k", _a, TimeSpan.FromHours(1), default).AsTask());
        await RefusedAsync(() => store.ReleaseAsync("k", _a).AsTask());
        await RefusedAsync(() => store.Store.ForceReleaseAsync("k", default).AsTask());
        gateway.Faults.Decide = null;

        Assert.Null(await store.Store.GetAsync("free", default));
        LockInfo held = (await store.Store.GetAsync("k", default))!;
        Assert.Equal(_a, held.Id);
        Assert.True(held.Remaining <= s_minute);
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));

        async Task RefusedAsync(Func<Task> step)
        {
            LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(step);
            Assert.Equal(isTransient, exception.IsTransient);
            Assert.False(exception.MayHaveBeenApplied);
            Assert.Contains($"code {code}", exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_write_concern_that_cannot_be_satisfied_is_no_answer_and_says_what_to_do()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        gateway.Faults.Decide = command => command is "findAndModify" or "update" ? GatewayFault.WriteConcernUnsatisfiable : null;
        foreach (Func<Task> step in (Func<Task>[])
            [() => store.AcquireAsync("free", _b).AsTask(), () => store.Store.TryExtendAsync("k", _a, s_minute, default).AsTask(),
                () => store.ReleaseAsync("k", _a).AsTask()])
        {
            LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(step);
            Assert.False(exception.IsTransient);
            Assert.True(exception.MayHaveBeenApplied); // the primary has carried it out
            Assert.Contains("code 100", exception.Message, StringComparison.Ordinal);
            Assert.Contains("connection.writeConcern", exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_grant_that_was_never_confirmed_is_given_back()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using StoreLock locks = Create(gateway);
        Assert.NotNull(await locks.TryLockAsync(Guid.NewGuid().ToString())); // the index is there
        gateway.Faults.Decide = command => command == "findAndModify" ? GatewayFault.WriteConcernUnsatisfiable : null;
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(
            () => locks.TryLockAsync(_key, new LockOptions { Ttl = TimeSpan.FromMinutes(5) }).AsTask());
        Assert.False(exception.IsTransient);
        await using StoreLock other = Create(server.Gateway);
        // Long before its ttl: it was cleaned up, not waited out.
        await Eventually.TrueAsync(() => other.GetAsync(_key).AsTask().Result is null, "the grant is given back");
        Assert.NotNull(await other.TryLockAsync(_key));
    }

    [Theory]
    [InlineData(nameof(GatewayFault.WriteConcernTimeout))]
    [InlineData(nameof(GatewayFault.WriteConcernUnsatisfiable))]
    [InlineData(nameof(GatewayFault.WriteConflict))]
    public async Task A_renewal_that_is_not_confirmed_loses_nothing_while_the_lease_lasts(string fault)
    {
        await using MongoGateway gateway = server.StartGateway();
        await using StoreLock locks = Create(gateway);
        await using ILockHandle handle = await locks.LockAsync(_key,
            new LockOptions { Ttl = TimeSpan.FromSeconds(20), AutoRenew = true, RenewInterval = TimeSpan.FromMilliseconds(50) });
        int refused = 0;
        int renewed = 0;
        gateway.Faults.Decide = command =>
        {
            if (command != "findAndModify") return null;
            if (++refused <= 4) return Enum.Parse<GatewayFault>(fault);
            Interlocked.Increment(ref renewed);
            return null;
        };
        await Eventually.TrueAsync(() => Volatile.Read(ref renewed) >= 2, "renewed again");
        gateway.Faults.Decide = null;
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    }

    [Fact]
    public async Task A_release_that_is_not_confirmed_in_time_is_repeated_until_it_is()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using StoreLock locks = Create(gateway);
        ILockHandle handle = await locks.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromMinutes(1) });
        int updates = 0;
        gateway.Faults.Decide = command => command == "update" && ++updates <= 4 ? GatewayFault.WriteConcernTimeout : null;
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Null(await locks.GetAsync(_key));
    }

    private StoreLock Create(MongoGateway gateway)
    {
        var config = new MongoLockSettings { Url = gateway.Uri, Database = "lock_tests", Collection = server.SharedCollection };
        return new StoreLock(new MongoLockProvider().CreateStore(config, null, LockProviderContext.Default));
    }
}
