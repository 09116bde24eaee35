using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>Tokens rise, whatever comes between; and what nobody needs any more goes, without lowering one.
/// On a clock that a test sets.</summary>
public sealed class PostgresTokenTests(SharedServer shared) : IClassFixture<SharedServer>, IAsyncLifetime
{
    private ServerClock _clock = null!;
    private PostgresLockStore _store = null!;
    private NpgsqlDataSource _beside = null!;

    public async Task InitializeAsync()
    {
        _clock = await ServerClock.StartAsync(shared.Server);
        _store = NewStore();
        _beside = NpgsqlDataSource.Create(_clock.ConnectionString);
        await _store.TakeAsync(TestStore.Request("makes the table"));
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _beside.DisposeAsync();
        await _clock.StopAsync();
    }

    [Fact]
    public async Task A_token_is_the_servers_time_in_microseconds()
    {
        long token = await _store.TakeAsync(TestStore.Request("a"));
        Assert.Equal((_clock.Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10, token);
    }

    [Fact]
    public async Task A_grant_that_waits_for_its_row_draws_its_token_when_it_has_it()
    {
        AcquireRequest request = TestStore.Request("a");
        await using NpgsqlConnection other = await _beside.OpenConnectionAsync();
        // The row is there, free, and locked: by one that will have given out a token of an hour later before it lets go.
        await RunAsync(other, "INSERT INTO locks VALUES ('a', 'x', 'x', 1, '-infinity')");
        await RunAsync(other, "BEGIN; SELECT 1 FROM locks WHERE key = 'a' FOR UPDATE");
        Task<long> waiting = _store.TakeAsync(request);
        await BlockedAsync();
        await _clock.AdvanceAsync(TimeSpan.FromHours(1));
        long given = await TokenNowAsync(other);
        await RunAsync(other, $"UPDATE locks SET token = {given} WHERE key = 'a'; COMMIT");
        Assert.True(await waiting > given);
    }

    [Fact]
    public async Task A_grant_whose_row_was_held_up_until_another_had_come_and_gone_has_the_higher_token()
    {
        AcquireRequest request = TestStore.Request("a");
        await using NpgsqlConnection other = await _beside.OpenConnectionAsync();
        await RunAsync(other, "BEGIN; INSERT INTO locks VALUES ('a', 'x', 'x', 1, '-infinity')");
        // It has read the clock for the row that it wants to insert, and waits for the other row to come or not.
        Task<long> waiting = _store.TakeAsync(request);
        await BlockedAsync();
        await _clock.AdvanceAsync(TimeSpan.FromHours(2));
        long given = await TokenNowAsync(other);
        // Given out and, as after the retention, purged: nothing is left that says how high tokens were.
        await RunAsync(other, $"UPDATE locks SET token = {given} WHERE key = 'a'; DELETE FROM locks WHERE key = 'a'; COMMIT");
        Assert.True(await waiting >= given);
        Assert.Equal(request.HolderId, (await _store.GetAsync("a", CancellationToken.None))!.Id);
    }

    [Fact]
    public async Task Tokens_rise_where_the_clock_of_the_server_steps_back()
    {
        AcquireRequest first = TestStore.Request("a");
        long before = await _store.TakeAsync(first);
        await _store.TryReleaseAsync("a", first.HolderId, CancellationToken.None);
        await RunAsync($"UPDATE {_clock.Schema}.clock SET at = at - interval '59 minutes'");
        await new PostgresPurge(SessionOf(TimeSpan.FromHours(1)), new PostgresStoreSettings(), TimeProvider.System).RunAsync();
        Assert.Equal(before + 1, await _store.TakeAsync(TestStore.Request("a")));
    }

    [Fact]
    public async Task What_nobody_has_needed_for_the_retention_is_purged_and_nothing_else()
    {
        AcquireRequest gone = TestStore.Request("gone");
        await _store.TakeAsync(gone);
        await _store.TryReleaseAsync("gone", gone.HolderId, CancellationToken.None);
        await _store.TakeAsync(TestStore.Request("expired", ttl: TimeSpan.FromMinutes(1)));
        await _store.TakeAsync(TestStore.Request("held", ttl: TimeSpan.FromHours(3)));
        await _store.TakeAsync(TestStore.Request("for ever", ttl: Timeout.InfiniteTimeSpan));
        await _clock.AdvanceAsync(TimeSpan.FromHours(1));
        AcquireRequest young = TestStore.Request("young");
        await _store.TakeAsync(young);
        await _store.TryReleaseAsync("young", young.HolderId, CancellationToken.None);
        await using IReleaseWatch watch = await _store.WatchAsync("watched", CancellationToken.None);
        await PurgeAsync();
        Assert.Equal(["expired", "for ever", "gone", "held", "watched", "young"], await KeysAsync());
        await _clock.AdvanceAsync(TimeSpan.FromTicks(10));
        await PurgeAsync();
        Assert.Equal(["for ever", "held", "watched", "young"], await KeysAsync());
    }

    [Fact]
    public async Task One_grant_in_sixteen_purges()
    {
        await using PostgresLockStore store = NewStore();
        await RunAsync("INSERT INTO locks VALUES ('old', 'x', 'x', 1, '-infinity')");
        // Tokens end in what the clock says.
        await RunAsync($"UPDATE {_clock.Schema}.clock SET at = timestamptz '2026-01-01 00:00:00.000001Z'");
        await store.TakeAsync(TestStore.Request("a"));
        await store.DisposeAsync();
        Assert.Contains("old", await KeysAsync());
        await using PostgresLockStore next = NewStore();
        await RunAsync($"UPDATE {_clock.Schema}.clock SET at = timestamptz '2026-01-01 00:00:00.000016Z'");
        await next.TakeAsync(TestStore.Request("b"));
        await Eventually.TrueAsync(async () => !(await KeysAsync()).Contains("old"), "the old row is purged");
    }

    private PostgresLockStore NewStore() => TestStore.Create($"{_clock.ConnectionString};Application Name={_clock.Schema}");

    private PostgresSession SessionOf(TimeSpan retention) =>
        new(_beside, new PostgresStoreSettings { FenceRetention = retention, StepTimeout = TestStore.Patience }, TimeProvider.System);

    private Task PurgeAsync() =>
        new PostgresPurge(SessionOf(TimeSpan.FromHours(1)), new PostgresStoreSettings(), TimeProvider.System).RunAsync();

    private async Task<List<string>> KeysAsync()
    {
        await using NpgsqlCommand command =
            _beside.CreateCommand("SELECT convert_from(key, 'UTF8') FROM locks WHERE key <> 'makes the table' ORDER BY 1");
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var keys = new List<string>();
        while (await reader.ReadAsync()) keys.Add(reader.GetString(0));
        return keys;
    }

    /// <summary>Until a statement of this clock's sessions waits for another transaction.</summary>
    private Task BlockedAsync() => Eventually.TrueAsync(
        async () => await shared.Server.ReadAsync<bool>(
            $"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '{_clock.Schema}')"),
        "the grant waits for the row");

    private async Task<long> TokenNowAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task RunAsync(string statement)
    {
        await using NpgsqlConnection connection = await _beside.OpenConnectionAsync();
        await RunAsync(connection, statement);
    }

    private static async Task RunAsync(NpgsqlConnection connection, string statements)
    {
        await using var command = new NpgsqlCommand(statements, connection);
        await command.ExecuteNonQueryAsync();
    }
}
