using System.Runtime.CompilerServices;
using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>Notices: one connection for all keys, sent only where somebody waits, and proved.</summary>
public sealed class PostgresNoticeTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly AsyncLocal<object?> s_ambient = new();

    private readonly string _name = "notices/" + TestStore.NewId();

    [Fact]
    public async Task One_connection_listens_for_all_keys()
    {
        await using PostgresLockStore store = NewStore();
        for (int i = 0; i < 50; i++)
            await store.WatchAsync($"{_name}/{i}", CancellationToken.None);
        Assert.Equal(1,
            await shared.Server.ReadAsync<long>(
                $"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{_name}' AND query = 'LISTEN locking'"));
    }

    [Fact]
    public async Task A_release_gives_notice_only_where_somebody_waits()
    {
        await using PostgresLockStore store = NewStore();
        await using NpgsqlConnection ear = await shared.Server.Source.OpenConnectionAsync();
        var heard = new List<string>();
        ear.Notification += (_, notice) => heard.Add(notice.Payload);
        await using (var listen = new NpgsqlCommand("LISTEN locking", ear)) await listen.ExecuteNonQueryAsync();
        await CycleAsync(store, _name + "/alone");
        await using IReleaseWatch watch = await store.WatchAsync(_name + "/watched", CancellationToken.None);
        await CycleAsync(store, _name + "/watched");
        await Eventually.TrueAsync(
            async () =>
            {
                await using var look = new NpgsqlCommand("SELECT 1", ear);
                await look.ExecuteNonQueryAsync();
                return heard.Contains(PostgresNotices.NameOf(_name + "/watched"));
            },
            "the notice of the watched key");
        Assert.DoesNotContain(PostgresNotices.NameOf(_name + "/alone"), heard);
    }

    [Fact]
    public async Task A_waiter_behind_a_pooler_that_loses_notices_is_served_and_the_diagnosis_says_so()
    {
        await using PgBouncer bouncer = await PgBouncer.StartAsync(shared.Server);
        PostgresLockStore store = TestStore.Create(bouncer.ConnectionString,
            change: static settings => settings with { StepTimeout = TimeSpan.FromSeconds(5) });
        await using var locks = new StoreLock(store);
        await using var others = new StoreLock(TestStore.Create(bouncer.ConnectionString));
        ILockHandle held = await others.LockAsync(_name);
        Task<ILockHandle> waiting = locks.LockAsync(_name).AsTask();
        Assert.Contains(await store.DiagnoseAsync(), static finding => finding is { Code: "no-notices", IsWarning: false });
        Assert.False(waiting.IsCompleted);
        await held.UnlockAsync();
        await using ILockHandle next = await Eventually.DoneAsync(waiting, "the waiter's grant");
        Assert.Equal(0,
            await shared.Server.ReadAsync<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%PREPARE%' AND pid <> pg_backend_pid()"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("session")]
    public async Task Where_notices_arrive_the_diagnosis_has_nothing_to_say(string? pooled)
    {
        await using PgBouncer? bouncer = pooled is null ? null : await PgBouncer.StartAsync(shared.Server, pooled);
        await using PostgresLockStore store = TestStore.Create(bouncer?.ConnectionString ?? shared.Server.ConnectionString);
        await store.TakeAsync(TestStore.Request(_name));
        // The tests' server does not flush: that is all there is to say.
        Assert.Equal(["not-durable"], (await store.DiagnoseAsync()).Select(static finding => finding.Code));
    }

    [Fact]
    public async Task A_lent_source_is_not_disposed_and_gets_its_connections_back()
    {
        await using NpgsqlDataSource lent = NpgsqlDataSource.Create(shared.Server.ConnectionString + ";Maximum Pool Size=2");
        await using (var store =
            new PostgresLockStore(lent, isOwned: false, new PostgresStoreSettings { StepTimeout = TestStore.Patience },
                TimeProvider.System))
        {
            await store.TakeAsync(TestStore.Request(_name));
            await using IReleaseWatch watch = await store.WatchAsync(_name, CancellationToken.None);
        }

        await using NpgsqlConnection one = await lent.OpenConnectionAsync();
        await using NpgsqlConnection two = await lent.OpenConnectionAsync();
        await using var command = new NpgsqlCommand("SELECT count(*) FROM pg_listening_channels()", one);
        Assert.Equal(0L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task The_connection_that_listens_keeps_nothing_of_who_made_it()
    {
        await using PostgresLockStore store = NewStore();
        (WeakReference first, IReleaseWatch watch) = await WatchOnceAsync(store);
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !first.IsAlive;
            },
            "nobody keeps the first caller's context");
        await watch.DisposeAsync();
    }

    private PostgresLockStore NewStore() => TestStore.Create($"{shared.Server.ConnectionString};Application Name={_name}");

    private static async Task CycleAsync(PostgresLockStore store, string key)
    {
        AcquireRequest request = TestStore.Request(key);
        await store.TakeAsync(request);
        await store.TryReleaseAsync(key, request.HolderId, CancellationToken.None);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<(WeakReference First, IReleaseWatch Watch)> WatchOnceAsync(PostgresLockStore store)
    {
        object tenant = new object();
        IReleaseWatch watch = await Task.Run(async () =>
        {
            s_ambient.Value = tenant;
            return await store.WatchAsync(_name, CancellationToken.None);
        });
        return (new WeakReference(tenant), watch);
    }
}

/// <summary>The guarantees of locks behind a pooler that gives its two connections away after each transaction.</summary>
public sealed class PostgresBehindPgBouncerTests(SharedServer shared) : PostgresLockConformanceTests(shared)
{
    private PgBouncer _bouncer = null!;

    protected override ILock CreateLock(LockOptions? defaults, string? ns) =>
        new StoreLock(TestStore.Create(_bouncer.ConnectionString), defaults, ns);

    public override async Task InitializeAsync()
    {
        _bouncer = await PgBouncer.StartAsync(Server);
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _bouncer.DisposeAsync();
    }
}
