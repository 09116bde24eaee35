using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>Sessions that are ended, servers that stop, crash and are replaced, answers that are lost.</summary>
public sealed class PostgresOutageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly string _key = "outage/" + TestStore.NewId();

    [Fact]
    public async Task A_lock_outlives_the_session_that_took_it()
    {
        await using PostgresLockStore store = TestStore.Create($"{shared.Server.ConnectionString};Application Name={_key}");
        AcquireRequest request = TestStore.Request(_key);
        await store.TakeAsync(request);
        Assert.True(await TerminateAsync() >= 1);
        await Eventually.TrueAsync(async () => await AnswerAsync(store, request) == StoreReply.Done,
            "the holder extends over another session");
        Assert.False((await store.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None)).IsGranted);
    }

    [Fact]
    public async Task Who_waits_goes_on_waiting_when_the_sessions_are_ended_and_is_served()
    {
        await using var locks = new StoreLock(TestStore.Create($"{shared.Server.ConnectionString};Application Name={_key}"));
        await using var others = new StoreLock(TestStore.Create(shared.Server.ConnectionString));
        ILockHandle held = await others.LockAsync(_key);
        Task<ILockHandle> waiting = locks.LockAsync(_key).AsTask();
        await ListeningAsync();
        await TerminateAsync();
        await ListeningAsync();
        await held.UnlockAsync();
        await using ILockHandle next = await Eventually.DoneAsync(waiting, "the waiter's grant");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task Locks_outlive_a_restart_and_a_crash_of_the_server()
    {
        await using PostgresServer server = await PostgresServer.StartAsync();
        await using PostgresLockStore store = TestStore.Create(server.ConnectionString);
        AcquireRequest request = TestStore.Request(_key);
        long token = await store.TakeAsync(request);
        foreach (Func<Task> end in (Func<Task>[])[server.StopAsync, server.KillAsync])
        {
            await end();
            LockStoreException gone = await Assert.ThrowsAsync<LockStoreException>(async () =>
                await store.TryExtendAsync(_key, request.HolderId, TestStore.Patience, CancellationToken.None));
            Assert.True(gone.IsTransient);
            await server.StartAgainAsync();
            await Eventually.TrueAsync(async () => await AnswerAsync(store, request) == StoreReply.Done, "the holder has its lock");
            Assert.False((await store.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None)).IsGranted);
            Assert.Equal(token, (await store.GetAsync(_key, CancellationToken.None))!.FencingToken);
        }
    }

    [Fact]
    public async Task A_standby_takes_no_locks_and_is_the_one_to_ask_when_it_was_promoted()
    {
        await using PostgresServer primary = await PostgresServer.StartAsync();
        await using PostgresServer standby = await primary.StartStandbyAsync();
        await primary.ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = '*'");
        await primary.ExecuteAsync("SELECT pg_reload_conf()");
        await Eventually.TrueAsync(
            async () => await primary.ReadAsync<long>("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1,
            "grants wait for the standby");
        await using PostgresLockStore store = TestStore.CreateOverHosts(primary.Port, standby.Port);
        AcquireRequest request = TestStore.Request(_key);
        long token = await store.TakeAsync(request);

        await using PostgresLockStore alone = TestStore.Create(standby.ConnectionString);
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(async () =>
            await alone.TryAcquireAsync(TestStore.Request("other"), CancellationToken.None));
        Assert.False(refused.IsTransient);
        Assert.Contains("standby", refused.Message, StringComparison.Ordinal);

        await primary.KillAsync();
        LockStoreException between = await Assert.ThrowsAsync<LockStoreException>(async () =>
            await store.TryExtendAsync(_key, request.HolderId, TestStore.Patience, CancellationToken.None));
        Assert.True(between.IsTransient, between.Message);
        await standby.ExecuteAsync("SELECT pg_promote()");
        await Eventually.TrueAsync(async () => await AnswerAsync(store, request) == StoreReply.Done,
            "the holder extends at the new primary");
        Assert.False((await store.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None)).IsGranted);
        await store.TryReleaseAsync(_key, request.HolderId, CancellationToken.None);
        Assert.True(await store.TakeAsync(TestStore.Request(_key)) > token);
    }

    [Fact]
    public async Task An_acquire_whose_answer_was_lost_is_adopted_and_a_release_leaves_nothing()
    {
        await using var proxy = new LossyProxy(shared.Server.Port);
        await using var locks = new StoreLock(TestStore.Create($"Host=127.0.0.1;Port={proxy.Port};Username=postgres;Database=postgres"));
        await (await locks.LockAsync(_key + "/warm")).UnlockAsync();
        await using PostgresLockStore beside = TestStore.Create(shared.Server.ConnectionString);
        proxy.LoseNextAnswer();
        ILockHandle handle = await locks.LockAsync(_key);
        Assert.Equal(1, proxy.Lost);
        Assert.Equal(handle.Id, (await beside.GetAsync(_key, CancellationToken.None))?.Id);
        Assert.Equal(handle.FencingToken, (await beside.GetAsync(_key, CancellationToken.None))?.FencingToken);
        proxy.LoseNextAnswer();
        await handle.UnlockAsync();
        Assert.Equal(2, proxy.Lost);
        Assert.Null(await beside.GetAsync(_key, CancellationToken.None));
    }

    [Fact]
    public async Task A_lost_answer_says_that_the_step_may_have_been_done_and_a_refused_connection_that_it_was_not()
    {
        await using var proxy = new LossyProxy(shared.Server.Port);
        await using PostgresLockStore store = TestStore.Create($"Host=127.0.0.1;Port={proxy.Port};Username=postgres;Database=postgres");
        await store.GetAsync(_key, CancellationToken.None);
        await store.GetAsync(_key, CancellationToken.None);
        proxy.LoseNextAnswer();
        LockStoreException lost = await Assert.ThrowsAsync<LockStoreException>(async () =>
            await store.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None));
        Assert.True(lost is { IsTransient: true, MayHaveBeenApplied: true }, lost.ToString());
        await using PostgresLockStore nowhere =
            TestStore.Create($"Host=127.0.0.1;Port={SilentServer.ClosedPort()};Username=postgres;Database=postgres");
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(async () =>
            await nowhere.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None));
        Assert.True(refused is { IsTransient: true, MayHaveBeenApplied: false }, refused.ToString());
    }

    private Task<long> TerminateAsync() =>
        shared.Server.ReadAsync<long>(
            $"SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity WHERE application_name = '{_key}'");

    private Task ListeningAsync() => Eventually.TrueAsync(
        async () => await shared.Server.ReadAsync<long>(
            $"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{_key}' AND query = 'LISTEN locking'") == 1,
            "somebody listens");

    /// <summary>What the holder is told when it extends; not held while there is no answer.</summary>
    private async Task<StoreReply> AnswerAsync(PostgresLockStore store, AcquireRequest request)
    {
        try
        {
            return await store.TryExtendAsync(_key, request.HolderId, TimeSpan.FromMinutes(2), CancellationToken.None);
        }
        catch (LockStoreException e) when (e.IsTransient)
        {
            return StoreReply.NotHeld;
        }
    }
}
