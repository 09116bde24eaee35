using System.Text.Json;

namespace Locking;

/// <summary>Real processes that share nothing but the server.</summary>
public sealed class MongoProcessTests(MongoServer server) : IClassFixture<MongoServer>
{
    private const string Cli = "Lock.Cli.dll";

    /// <summary>The long form: LOCK_TEST_RACE_PROCESSES=16 LOCK_TEST_RACE_ROUNDS=1000.</summary>
    [Fact]
    public async Task Processes_that_race_for_fresh_keys_never_have_two_winners()
    {
        int processes = Many.Of("LOCK_TEST_RACE_PROCESSES", usual: 4);
        int rounds = Many.Of("LOCK_TEST_RACE_ROUNDS", usual: 60);
        List<ChildProcess> racers =
            [.. Enumerable.Range(0, processes).Select(_ => ChildProcess.Start("Lock.HolderProcess.dll", Config(), "race"))];
        try
        {
            foreach (ChildProcess racer in racers) Assert.Equal("ready", await racer.ReadLineAsync());
            for (int round = 0; round < rounds; round++)
            {
                string[] answers = await Task.WhenAll(racers.Select(racer => racer.AskAsync($"race/{round}")));
                Assert.True(answers.Count(answer => answer.StartsWith("won ", StringComparison.Ordinal)) == 1,
                    $"round {round}: {string.Join(", ", answers)}");
                Assert.Equal(processes - 1, answers.Count(answer => answer == "lost"));
            }

            foreach (ChildProcess racer in racers) Assert.Equal(0, (await racer.EndAsync()).ExitCode);
        }
        finally
        {
            foreach (ChildProcess racer in racers) await racer.DisposeAsync();
        }
    }

    [Fact]
    public async Task LOCK_CONFIG_alone_moves_the_command_here()
    {
        await using ILock locks = Lock.Create(Config());
        await using ChildProcess run = ChildProcess.Start(Cli, Config(), "run", "-n", "nightly", "--", "sh", "-c",
            "echo \"$LOCK_KEY $LOCK_FENCING_TOKEN $LOCK_ID\"; read line; exit 7");
        string[] told = (await run.ReadLineAsync()).Split(' ');
        LockInfo held = (await locks.GetAsync("nightly"))!;
        Assert.Equal(["nightly", $"{held.FencingToken}", held.Id], told);
        Assert.Null(await locks.TryLockAsync("nightly"));

        // A second one is told that it is busy, by its own exit code.
        await using ChildProcess busy = ChildProcess.Start(Cli, Config(), "run", "-n", "-E", "42", "nightly", "--", "true");
        Assert.Equal(42, (await busy.EndAsync()).ExitCode);

        Assert.Equal(7, (await run.EndAsync()).ExitCode);
        Assert.Null(await locks.GetAsync("nightly"));
        await using ILockHandle next = await locks.LockAsync("nightly");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task A_lock_that_one_command_takes_another_shows_and_releases()
    {
        await using ChildProcess acquire = ChildProcess.Start(Cli, Config(), "acquire", "deploy", "--ttl", "1m");
        (int code, string output, string error) = await acquire.EndAsync();
        Assert.True(code == 0, error);
        await using ILock locks = Lock.Create(Config());
        LockInfo held = (await locks.GetAsync("deploy"))!;
        Assert.Contains(held.Id, output, StringComparison.Ordinal);
        await using ChildProcess release = ChildProcess.Start(Cli, Config(), "release", "deploy", "--id", held.Id);
        (code, _, error) = await release.EndAsync();
        Assert.True(code == 0, error);
        Assert.Null(await locks.GetAsync("deploy"));
    }

    [Fact]
    public async Task A_server_that_is_not_there_has_its_own_exit_code()
    {
        MongoGateway gone = server.StartGateway();
        string uri = gone.Uri;
        await gone.DisposeAsync();
        await using ChildProcess run =
            ChildProcess.Start(Cli, Config($"{uri}?serverSelectionTimeoutMS=1000"), "run", "-n", "k", "--", "true");
        (int code, _, string error) = await run.EndAsync();
        Assert.Equal(69, code);
        Assert.Contains(new Uri(uri).Authority, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_says_what_is_unsafe_as_text_and_as_json()
    {
        await using MongoGateway standalone = server.StartGateway();
        await using ChildProcess text = ChildProcess.Start(Cli, Config(standalone.Uri), "doctor");
        (int code, string output, string error) = await text.EndAsync();
        Assert.True(code == 0, error);
        Assert.Contains("backend      mongo", output, StringComparison.Ordinal);
        Assert.Contains("warning: The server is a standalone", output, StringComparison.Ordinal);
        Assert.Contains("note: MongoDB 7.0.0 (wire version 21)", output, StringComparison.Ordinal);

        await using ChildProcess json = ChildProcess.Start(Cli, Config(standalone.Uri), "doctor", "--json");
        (code, output, error) = await json.EndAsync();
        Assert.True(code == 0, error);
        using JsonDocument told = JsonDocument.Parse(output);
        Assert.True(told.RootElement.GetProperty("reachable").GetBoolean());
        Assert.Equal(
            [("standalone", true), ("server", false)],
            told.RootElement.GetProperty("findings").EnumerateArray()
                .Select(f => (f.GetProperty("code").GetString(), f.GetProperty("warning").GetBoolean()))
                .Where(f => f.Item1 is not "ttl-too-short"));
    }

    [Fact]
    public async Task The_doctor_names_a_server_that_is_not_there()
    {
        MongoGateway gone = server.StartGateway();
        string address = gone.Address;
        await gone.DisposeAsync();
        await using ChildProcess json =
            ChildProcess.Start(Cli, Config($"mongodb://app:s3cret@{address}/?serverSelectionTimeoutMS=1000"), "doctor", "--json");
        (int code, string output, string error) = await json.EndAsync();
        Assert.Equal(69, code);
        using JsonDocument told = JsonDocument.Parse(output);
        Assert.False(told.RootElement.GetProperty("reachable").GetBoolean());
        Assert.Contains(address, told.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", output + error, StringComparison.Ordinal);
    }

    private string Config(string? uri = null) =>
        $$"""{"type":"mongo","connection":{"url":{{JsonSerializer.Serialize(uri ?? server.Uri)}},"database":"lock_tests" """
        + $$""", "collection":"{{server.SharedCollection}}","connectTimeout":"30s","commandTimeout":"30s" } }""";
}
