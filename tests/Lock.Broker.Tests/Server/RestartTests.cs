using System.Text.Json;
using Locking.Conformance;

namespace Locking;

/// <summary>What a broker that comes back holds, for whom, and what it makes wait: the key that is held, and nothing else.</summary>
public sealed class RestartTests : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-restart-").FullName;
    private readonly TestClock _time = new();
    private BrokerServer _server;

    public RestartTests() => _server = Start();

    private string SocketPath => Path.Combine(_directory, "broker.sock");

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_published_lock_waits_for_its_own_end_over_every_restart_and_nothing_else_waits()
    {
        await using RawClient holder = await RawClient.UnixAsync(SocketPath);
        Assert.True(IsGranted(await holder.AskAsync("""{"type":"lock","uuid":"P","key":"held","ttl":60000}""")));
        for (int restart = 0; restart < 5; restart++)
        {
            await RestartAsync();
            await using RawClient other = await RawClient.UnixAsync(SocketPath);
            Assert.False(
                IsGranted(await other.AskAsync($$"""{"type":"lock","uuid":"X{{restart}}","key":"held","ttl":60000,"wait":false}""")));
            Assert.True(IsGranted(await other.AskAsync($$"""{"type":"lock","uuid":"Y{{restart}}","key":"free{{restart}}","ttl":60000}""")));
            _time.Advance(TimeSpan.FromSeconds(11));
        }

        await using RawClient waiter = await RawClient.UnixAsync(SocketPath);
        Assert.False(IsGranted(await waiter.AskAsync("""{"type":"lock","uuid":"W","key":"held","ttl":60000}""")));
        await waiter.ExpectNothingAsync();
        _time.Advance(TimeSpan.FromSeconds(5.1));
        Assert.True(IsGranted(await waiter.ReadAsync()));
    }

    [Fact]
    public async Task Its_client_unlocks_a_published_lock_at_the_next_broker_by_its_id()
    {
        await using (RawClient holder = await RawClient.UnixAsync(SocketPath))
        {
            Assert.True(IsGranted(await holder.AskAsync("""{"type":"lock","uuid":"P","key":"k","ttl":60000}""")));
            await RestartAsync();
        }

        await using RawClient again = await RawClient.UnixAsync(SocketPath);
        Assert.False((await again.AskAsync("""{"type":"unlock","uuid":"Q1","_uuid":"someone","key":"k"}""")).GetProperty("unlocked")
            .GetBoolean());
        JsonElement unlocked = await again.AskAsync("""{"type":"unlock","uuid":"Q2","_uuid":"P","key":"k"}""");
        Assert.True(unlocked.GetProperty("unlocked").GetBoolean());
        Assert.False(unlocked.TryGetProperty("warning", out _));
        Assert.True(IsGranted(await again.AskAsync("""{"type":"lock","uuid":"R","key":"k","ttl":60000}""")));
    }

    [Fact]
    public async Task A_long_lease_that_was_given_back_makes_nobody_wait()
    {
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        await client.AskAsync("""{"type":"lk-acquire","n":1,"key":"weekly","id":"A","ttl":864000000000}""");
        await client.AskAsync("""{"type":"lk-release","n":2,"key":"weekly","id":"A"}""");
        await RestartAsync();
        Assert.False(_server.Locks.Pause.IsOn);
        await using RawClient next = await RawClient.UnixAsync(SocketPath);
        Assert.Equal("lk-granted", TypeOf(await next.AskAsync("""{"type":"lk-acquire","n":1,"key":"weekly","id":"B","ttl":1000}""")));
        Assert.Equal("lk-granted", TypeOf(await next.AskAsync("""{"type":"lk-acquire","n":2,"key":"unrelated","id":"B","ttl":1000}""")));
    }

    [Fact]
    public async Task A_lease_without_its_client_is_shown_extended_and_released_by_its_id()
    {
        await using (RawClient client = await RawClient.UnixAsync(SocketPath))
            await client.AskAsync("""{"type":"lk-acquire","n":1,"key":"deploy","id":"A","owner":"Ann","ttl":3600000,"keep":true}""");
        _time.Advance(TimeSpan.FromMinutes(20));
        await RestartAsync();
        await using RawClient next = await RawClient.UnixAsync(SocketPath);
        JsonElement info = await next.AskAsync("""{"type":"lk-get","n":1,"key":"deploy"}""");
        Assert.Equal(("lk-info", "A", "Ann"), (TypeOf(info), info.GetProperty("id").GetString(), info.GetProperty("owner").GetString()));
        Assert.InRange(info.GetProperty("remaining").GetInt64(), 2_400_000, 2_400_005);
        Assert.Equal("lk-other", TypeOf(await next.AskAsync("""{"type":"lk-release","n":2,"key":"deploy","id":"B"}""")));
        Assert.Equal("lk-done", TypeOf(await next.AskAsync("""{"type":"lk-extend","n":3,"key":"deploy","id":"A","ttl":7200000}""")));
        await RestartAsync();
        await using RawClient last = await RawClient.UnixAsync(SocketPath);
        Assert.InRange((await last.AskAsync("""{"type":"lk-get","n":1,"key":"deploy"}""")).GetProperty("remaining").GetInt64(),
            7_200_000, 7_200_005);
        Assert.Equal("lk-done", TypeOf(await last.AskAsync("""{"type":"lk-release","n":2,"key":"deploy","id":"A"}""")));
        Assert.Equal("lk-none", TypeOf(await last.AskAsync("""{"type":"lk-get","n":3,"key":"deploy"}""")));
    }

    [Fact]
    public async Task A_grant_after_the_pause_at_the_start_has_its_whole_lease()
    {
        await _server.DisposeAsync();
        RecordFile.Pause(RecordFile.Of(SocketPath), TimeSpan.FromSeconds(5), _time);
        _server = Start();
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        Assert.Equal("lk-queued",
            TypeOf(await client.AskAsync("""{"type":"lk-acquire","n":1,"key":"k","id":"A","ttl":6000,"queue":true}""")));
        _time.Advance(TimeSpan.FromSeconds(5.2));
        JsonElement granted = await client.ReadAsync();
        Assert.Equal("lk-granted", TypeOf(granted));

        // The client counts its lease from the request and this much: all of it is left.
        long queued = granted.GetProperty("queued").GetInt64();
        long remaining = (await client.AskAsync("""{"type":"lk-get","n":2,"key":"k"}""")).GetProperty("remaining").GetInt64();
        Assert.InRange(queued, 5_000_000, 5_200_000);
        Assert.InRange(remaining - (6_000 - (5_200 - (queued / 1000))), -1, 1);
    }

    [Fact]
    public async Task A_further_broker_that_starts_during_the_pause_pauses_too()
    {
        await _server.DisposeAsync();
        RecordFile.Pause(RecordFile.Of(SocketPath), TimeSpan.FromSeconds(30), _time);
        for (int restart = 0; restart < 3; restart++)
        {
            _server = Start();
            Assert.InRange(_server.Locks.Pause.Left.TotalSeconds, 30 - (restart * 10) - 0.5, 30 - (restart * 10) + 0.5);
            await _server.DisposeAsync();
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        _server = Start();
        Assert.False(_server.Locks.Pause.IsOn);
    }

    [Fact]
    public async Task Several_keys_taken_together_are_on_record_when_that_is_answered_and_not_before_all_are_there()
    {
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        await client.AskAsync("""{"type":"lk-acquire","n":1,"key":"b","id":"A","ttl":60000}""");
        await using RawClient many = await RawClient.UnixAsync(SocketPath);
        Assert.False(IsGranted(await many.AskAsync("""{"type":"acquire-many","uuid":"M","keys":["a","b","c"],"ttl":60000}""")));
        Assert.Equal(["b"], Recorded());
        await client.AskAsync("""{"type":"lk-release","n":2,"key":"b","id":"A"}""");
        JsonElement granted = await many.ReadAsync();
        Assert.True(IsGranted(granted));
        Assert.Equal(["a", "b", "c"], Recorded());
        await RestartAsync();
        await using RawClient next = await RawClient.UnixAsync(SocketPath);
        Assert.False(IsGranted(await next.AskAsync("""{"type":"lock","uuid":"X","key":"c","ttl":60000,"wait":false}""")));
        string? id = granted.GetProperty("lockUuid").GetString();
        Assert.True((await next.AskAsync($$"""{"type":"release-many","uuid":"R","lockUuid":"{{id}}"}""")).GetProperty("released")
            .GetBoolean());
        Assert.Empty(Recorded());
    }

    [Fact]
    public async Task All_places_of_a_semaphore_and_no_more_are_held_at_the_next_broker()
    {
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        foreach (string id in (string[])["A", "B", "C"])
            Assert.True(IsGranted(await client.AskAsync($$"""{"type":"lock","uuid":"{{id}}","key":"k","ttl":60000,"max":3}""")));
        await RestartAsync();
        await using RawClient next = await RawClient.UnixAsync(SocketPath);
        Assert.False(IsGranted(await next.AskAsync("""{"type":"lock","uuid":"D","key":"k","ttl":60000,"max":3,"wait":false}""")));
        Assert.True((await next.AskAsync("""{"type":"unlock","uuid":"U","_uuid":"B","key":"k"}""")).GetProperty("unlocked").GetBoolean());
        Assert.True(IsGranted(await next.AskAsync("""{"type":"lock","uuid":"D","key":"k","ttl":60000,"max":3}""")));
    }

    [Fact]
    public async Task No_restart_takes_a_token_back()
    {
        long last = 0L;
        for (int restart = 0; restart < 5; restart++)
        {
            await using (RawClient client = await RawClient.UnixAsync(SocketPath))
            {
                long token = (await client.AskAsync($$"""{"type":"lk-acquire","n":1,"key":"k{{restart}}","id":"A","ttl":1000}"""))
                    .GetProperty("token").GetInt64();
                Assert.True(token > last);
                last = token;
            }

            // A clock that was set back meanwhile changes nothing.
            _time.AdvanceWallClock(TimeSpan.FromHours(-1));
            await RestartAsync();
        }
    }

    [Fact]
    public async Task On_one_machine_nothing_is_forced_to_the_disk_and_beyond_it_once_for_all_that_came_together()
    {
        await using RawClient near = await RawClient.UnixAsync(SocketPath);
        await near.AskAsync("""{"type":"lk-acquire","n":1,"key":"k","id":"A","ttl":1000}""");
        Assert.Equal(0, _server.Locks.Records.Syncs);

        var options = new BrokerServerOptions { Host = "0.0.0.0", Port = 0, Insecure = true, StatePath = Path.Combine(_directory, "far") };
        await using var far = new BrokerServer(options);
        Assert.True(far.TryStart());
        await using RawClient client = await RawClient.TcpAsync(far.Port);
        await client.ExpectNothingAsync();
        int before = far.Locks.Records.Syncs;
        await client.SendAsync(
            string.Join('\n',
                Enumerable.Range(0, 100).Select(n => $$"""{"type":"lk-acquire","n":{{n}},"key":"k{{n}}","id":"A","ttl":60000}""")));
        for (int n = 0; n < 100; n++)
            Assert.Equal("lk-granted", TypeOf(await client.ReadAsync()));
        Assert.InRange(far.Locks.Records.Syncs - before, 1, 50);
        before = far.Locks.Records.Syncs;
        await client.ExpectNothingAsync();
        Assert.Equal(before, far.Locks.Records.Syncs);
    }

    [Fact]
    public async Task One_of_several_keys_that_is_asked_for_again_has_its_new_end_on_record()
    {
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        JsonElement many = await client.AskAsync("""{"type":"acquire-many","uuid":"M","keys":["a","b"],"ttl":10000}""");
        string id = many.GetProperty("lockUuid").GetString()!;
        _time.Advance(TimeSpan.FromSeconds(8));
        Assert.True(IsGranted(await client.AskAsync($$"""{"type":"lock","uuid":"{{id}}","key":"a","ttl":60000}""")));
        _time.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal(["a"], Recorded());
    }

    private static string? TypeOf(JsonElement answer) => answer.GetProperty("type").GetString();

    private static bool IsGranted(JsonElement answer) => answer.GetProperty("acquired").GetBoolean();

    private List<string> Recorded() => [.. Recorded(RecordFile.Of(SocketPath))];

    private IEnumerable<string> Recorded(string path)
    {
        string copy = path + ".copy";
        File.Copy(path, copy, overwrite: true);
        using var record = new LeaseRecord(copy, isDurable: false, _time);
        return record.Load().Select(static lease => lease.Key).Order(StringComparer.Ordinal).ToList();
    }

    private async Task RestartAsync()
    {
        await _server.DisposeAsync();
        _server = Start();
    }

    private BrokerServer Start()
    {
        var server =
            new BrokerServer(new BrokerServerOptions { Path = SocketPath }, LockProviderContext.Default with { TimeProvider = _time });
        Assert.True(server.TryStart());
        return server;
    }
}
