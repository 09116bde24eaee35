using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>Each step when the answer is lost, damaged, or a refusal.</summary>
public sealed class MongoFaultTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly string _a = TestStore.NewId();
    private readonly string _b = TestStore.NewId();

    public static TheoryData<string> Passing =>
    [
        nameof(GatewayFault.CloseBefore), nameof(GatewayFault.LoseReply), nameof(GatewayFault.TruncateReply),
            nameof(GatewayFault.OversizeReply),
        nameof(GatewayFault.MalformedReply), nameof(GatewayFault.WrongRequestId), nameof(GatewayFault.NotWritablePrimary),
        nameof(GatewayFault.InterruptedAfter), nameof(GatewayFault.WriteConcernTimeout),
    ];

    [Theory]
    [MemberData(nameof(Passing))]
    public async Task One_fault_does_not_show(string fault)
    {
        await using MongoGateway gateway = server.StartGateway();
        GatewayFault kind = Enum.Parse<GatewayFault>(fault);
        await using var store = new TestStore(gateway.Uri + Limit(kind));
        await store.AcquireAsync("warm", _b);

        gateway.Faults.Inject("findAndModify", kind);
        AcquireReply reply = await store.AcquireAsync("k", _a);
        Assert.True(reply.IsGranted);
        Assert.Equal(reply.FencingToken, (await store.Store.GetAsync("k", default))!.FencingToken);

        gateway.Faults.Inject("findAndModify", kind);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, TimeSpan.FromHours(1), default));
        Assert.True((await store.Store.GetAsync("k", default))!.Remaining > s_minute);

        gateway.Faults.Inject("update", kind);
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
        Assert.True((await store.AcquireAsync("k", _b)).FencingToken > reply.FencingToken);
    }

    [Theory]
    [MemberData(nameof(Passing))]
    public async Task A_fault_that_stays_is_transient_and_says_whether_it_may_have_been_applied(string fault)
    {
        await using MongoGateway gateway = server.StartGateway();
        GatewayFault kind = Enum.Parse<GatewayFault>(fault);
        await using var store = new TestStore(gateway.Uri + Limit(kind));
        await store.AcquireAsync("warm", _b);
        MongoLockStore impatient = await store.ImpatientAsync();
        await impatient.GetAsync("warm", default);
        for (int i = 0; i < 2000; i++) gateway.Faults.Inject("findAndModify", kind);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(
            () => impatient.TryAcquireAsync(new AcquireRequest("k", _a, "", s_minute), default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.Equal(kind != GatewayFault.NotWritablePrimary, exception.MayHaveBeenApplied);

        // After a broken exchange the driver looks for the server anew; the impatient one does not wait for that.
        await store.Store.GetAsync("warm", default);
        for (int i = 0; i < 2000; i++) gateway.Faults.Inject("update", kind);
        exception = await Assert.ThrowsAsync<LockStoreException>(() => impatient.TryReleaseAsync("warm", _b, default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.Equal(kind != GatewayFault.NotWritablePrimary, exception.MayHaveBeenApplied);
    }

    [Fact]
    public async Task An_extension_that_comes_late_takes_nothing_from_a_longer_one()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        await LateAsync(gateway, "findAndModify", token => store.Store.TryExtendAsync("k", _a, TimeSpan.FromSeconds(5), token).AsTask(),
            async () =>
            Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, TimeSpan.FromHours(1), default)));
        Assert.True((await store.Store.GetAsync("k", default))!.Remaining > TimeSpan.FromMinutes(59));
    }

    [Fact]
    public async Task A_shortening_that_comes_late_takes_nothing_from_a_longer_one()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        // The first command finds a longer lease; it is the second one, which shortens, that comes late.
        int commands = 0;
        gateway.Faults.Decide = command => command == "findAndModify" && ++commands == 2 ? GatewayFault.Delay : null;
        await LateAsync(gateway, null, token => store.Store.TryExtendAsync("k", _a, TimeSpan.FromSeconds(5), token).AsTask(), async () =>
            Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, TimeSpan.FromHours(1), default)));
        Assert.True((await store.Store.GetAsync("k", default))!.Remaining > TimeSpan.FromMinutes(59));
    }

    [Fact]
    public async Task An_acquisition_that_comes_late_takes_nothing_from_its_holder()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("warm", _b);
        await LateAsync(gateway, "findAndModify",
            token => store.Store.TryAcquireAsync(new AcquireRequest("k", _a, "", TimeSpan.FromSeconds(5)), token).AsTask(), async () =>
        {
            Assert.True((await store.AcquireAsync("k", _a, TimeSpan.FromSeconds(5))).IsGranted);
            Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, Timeout.InfiniteTimeSpan, default));
        });
        Assert.Equal(TimeSpan.MaxValue, (await store.Store.GetAsync("k", default))!.Remaining);
    }

    [Fact]
    public async Task A_request_for_no_end_that_comes_late_leaves_the_end_that_was_set_since()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        int commands = 0;
        gateway.Faults.Decide = command => command == "findAndModify" && ++commands == 2 ? GatewayFault.Delay : null;
        await LateAsync(gateway, null, token => store.Store.TryExtendAsync("k", _a, Timeout.InfiniteTimeSpan, token).AsTask(), async () =>
            Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, TimeSpan.FromMinutes(2), default)));
        Assert.InRange((await store.Store.GetAsync("k", default))!.Remaining, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task A_release_that_comes_late_does_not_end_the_next_holders_lease()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        await LateAsync(gateway, "update", token => store.Store.TryReleaseAsync("k", _a, token).AsTask(), async () =>
        {
            Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
            Assert.True((await store.AcquireAsync("k", _b)).IsGranted);
        });
        Assert.Equal(_b, (await store.Store.GetAsync("k", default))!.Id);
    }

    /// <summary>The driver waits for the right answer behind a wrong one: only the limit of the command ends that.</summary>
    private static string Limit(GatewayFault kind) =>
        kind == GatewayFault.WrongRequestId ? "?socketTimeoutMS=2000" : "?socketTimeoutMS=30000";

    /// <summary>Sends a step whose command is held up at the server, gives it up, does something else, and lets the command be carried out
    /// after that.</summary>
    private static async Task LateAsync<T>(MongoGateway gateway, string? command, Func<CancellationToken, Task<T>> step,
        Func<Task> meanwhile)
    {
        if (command is not null) gateway.Faults.Inject(command, GatewayFault.Delay);
        Task delayed = gateway.Faults.Delayed;
        using var cancel = new CancellationTokenSource();
        Task<T> late = step(cancel.Token);
        await delayed;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late);
        await meanwhile();
        int before = gateway.Faults.Carried;
        gateway.Faults.Release();
        await Conformance.Eventually.TrueAsync(() => gateway.Faults.Carried > before, "the late command was carried out");
    }

    [Fact]
    public async Task A_release_that_was_repeated_is_not_done_for_a_later_holder()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        await store.ReleaseAsync("k", _a);
        await store.AcquireAsync("k", _b);
        // The release of the old holder meets the new one, once with a lost reply: it cannot be told any more what it did.
        gateway.Faults.Inject("update", GatewayFault.LoseReply);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.ReleaseAsync("k", _a).AsTask());
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Equal(_b, (await store.Store.GetAsync("k", default))!.Id);
    }

    [Fact]
    public async Task A_duplicate_key_is_repeated_at_once()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        for (int i = 0; i < 6; i++) gateway.Faults.Inject("findAndModify", GatewayFault.DuplicateKey);
        Assert.True((await store.AcquireAsync("k", _a)).IsGranted);

        for (int i = 0; i < 16; i++) gateway.Faults.Inject("findAndModify", GatewayFault.DuplicateKey);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k2", _a).AsTask());
        Assert.True(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
    }

    [Fact]
    public async Task A_silent_server_is_given_up_within_the_steps_limit()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        FakeTimeProvider time = new();
        MongoLockStore limited = await store.OnClockAsync(time, Timeout.InfiniteTimeSpan, TimeSpan.FromMilliseconds(200));
        gateway.Faults.Inject("findAndModify", GatewayFault.Delay);
        Task delayed = gateway.Faults.Delayed;
        Task<AcquireReply> asked = limited.TryAcquireAsync(new AcquireRequest("k", _a, "", s_minute), default).AsTask();
        await Conformance.Eventually.DoneAsync(delayed, "sent");
        time.Advance(TimeSpan.FromMilliseconds(200));
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => Conformance.Eventually.DoneAsync(asked, "given up"));
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Contains("200 ms", exception.Message, StringComparison.Ordinal);
        gateway.Faults.Release();
    }

    [Fact]
    public async Task The_primary_may_change_while_a_lock_is_held()
    {
        await using MongoGateway first = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using MongoGateway second = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        second.OtherPrimary = first.Address;
        await using var store = new TestStore($"mongodb://{first.Address},{second.Address}/?replicaSet=rs0");
        AcquireReply held = await store.AcquireAsync("k", _a);

        second.OtherPrimary = null;
        first.OtherPrimary = second.Address;
        first.Faults.Inject("findAndModify", GatewayFault.NotWritablePrimary);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, s_minute, default));
        Assert.Equal(held.FencingToken, (await store.AcquireAsync("k", _a)).FencingToken);
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
    }

    [Fact]
    public async Task A_server_that_is_killed_and_back_knows_the_lock_still()
    {
        MongoGateway first = server.StartGateway();
        int port = first.Port;
        await using var store = new TestStore(first.Uri);
        await store.AcquireAsync("k", _a);
        MongoLockStore impatient = await store.ImpatientAsync();
        await first.DisposeAsync();
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => impatient.TryExtendAsync("k", _a, s_minute, default).AsTask());
        Assert.True(exception.IsTransient);
        await using MongoGateway second = server.StartGateway(port: port);
        Assert.Equal(StoreReply.Done, await store.Store.TryExtendAsync("k", _a, s_minute, default));
        Assert.False((await store.AcquireAsync("k", _b)).IsGranted);
    }

    [Fact]
    public async Task A_listing_survives_a_fault_on_its_first_command()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        gateway.Faults.Inject("aggregate", GatewayFault.LoseReply);
        Assert.Single(await MongoLockStoreTests.ListAsync(store, ""));
    }

    [Fact]
    public async Task Missing_rights_are_not_transient_and_say_what_to_do()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(Authentication: true));
        await using var store = new TestStore(gateway.Uri);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k", _a).AsTask());
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("requires authentication", exception.Message, StringComparison.Ordinal);
        Assert.Contains("readWrite", exception.Message, StringComparison.Ordinal);
    }
}
