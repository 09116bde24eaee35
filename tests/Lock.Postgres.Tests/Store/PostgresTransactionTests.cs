using System.Transactions;
using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>A lock is in nobody's transaction, and a grant is one only when it is committed.</summary>
public sealed class PostgresTransactionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly string _key = "transactions/" + TestStore.NewId();

    [Fact]
    public async Task A_transaction_of_the_caller_that_is_undone_undoes_no_lock()
    {
        await using NpgsqlDataSource lent = NpgsqlDataSource.Create(shared.Server.ConnectionString);
        await using var store = new PostgresLockStore(lent, isOwned: false, new PostgresStoreSettings { StepTimeout = TestStore.Patience },
            TimeProvider.System);
        AcquireRequest request = TestStore.Request(_key);
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            await store.TakeAsync(request);
            Assert.Equal(request.HolderId, (await store.GetAsync(_key, CancellationToken.None))?.Id);
        }

        Assert.Equal(request.HolderId, (await store.GetAsync(_key, CancellationToken.None))?.Id);
    }

    [Fact]
    public async Task A_grant_whose_commit_fails_is_none()
    {
        await using PostgresLockStore store =
            TestStore.Create(shared.Server.ConnectionString, change: static settings => settings with { Table = "\"fails_at_commit\"" });
        await store.GetAsync(_key, CancellationToken.None);
        await shared.Server.ExecuteAsync("""
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not at the end''; END';
            CREATE CONSTRAINT TRIGGER fails AFTER INSERT OR UPDATE ON fails_at_commit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
            """);
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () =>
            await store.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None));
        Assert.False(fault.MayHaveBeenApplied);
        Assert.Null(await store.GetAsync(_key, CancellationToken.None));
    }

    [Fact]
    public async Task Who_asks_for_a_busy_lock_writes_nothing()
    {
        await using PostgresLockStore store = TestStore.Create(shared.Server.ConnectionString);
        await store.TakeAsync(TestStore.Request(_key));
        string before = await RowAsync();
        for (int i = 0; i < 3; i++)
            Assert.False((await store.TryAcquireAsync(TestStore.Request(_key), CancellationToken.None)).IsGranted);
        Assert.Equal(before, await RowAsync());
    }

    [Fact]
    public async Task A_cancelled_request_is_cancelled_in_the_server_too()
    {
        await using PostgresLockStore store = TestStore.Create($"{shared.Server.ConnectionString};Application Name={_key}");
        AcquireRequest first = TestStore.Request(_key);
        await store.TakeAsync(first);
        await store.TryReleaseAsync(_key, first.HolderId, CancellationToken.None);
        await using NpgsqlConnection other = await shared.Server.Source.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await other.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("SELECT 1 FROM locks WHERE key = convert_to($1, 'UTF8') FOR UPDATE", other)
        {
            Parameters = { new() { Value = _key } },
        })
            Assert.Equal(1, await command.ExecuteScalarAsync());
        using var stop = new CancellationTokenSource();
        Task<AcquireReply> waiting = store.TryAcquireAsync(TestStore.Request(_key), stop.Token).AsTask();
        await WaitersAsync(1);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(waiting, "the cancelled request"));
        await WaitersAsync(0);
        await transaction.CommitAsync();
        Assert.Null(await store.GetAsync(_key, CancellationToken.None));
    }

    private Task WaitersAsync(int number) => Eventually.TrueAsync(
        async () => await shared.Server.ReadAsync<long>(
            $"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '{_key}'") == number,
        $"{number} request(s) wait in the server");

    private async Task<string> RowAsync()
    {
        await using NpgsqlCommand command = shared.Server.Source.CreateCommand(
            "SELECT ctid::text || xmin::text || xmax::text FROM locks WHERE key = convert_to($1, 'UTF8')");
        command.Parameters.Add(new() { Value = _key });
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
