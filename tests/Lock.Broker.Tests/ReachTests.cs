using Locking.Conformance;

namespace Locking;

/// <summary>A broker that is not there, hangs, or is another one than expected.</summary>
public sealed class ReachTests
{
    [Fact]
    public async Task Nobody_there_is_said_with_the_address_and_what_to_do()
    {
        string path = Path.Combine(Path.GetTempPath(), $"nobody-{Guid.NewGuid():N}.sock");
        await using var store = new BrokerLockStore(new BrokerLockSettings { Path = path });
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
        Assert.Contains(path, refused.Message);
        Assert.Contains("lock broker", refused.Message);
        Assert.True(refused.IsTransient);
        Assert.False(refused.MayHaveBeenApplied);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_in_the_place_of_the_sockets_directory_is_named(bool launch)
    {
        string file = Path.GetTempFileName();
        await using (var store = new BrokerLockStore(new BrokerLockSettings { Path = Path.Combine(file, "broker.sock"), Launch = launch }))
        {
            LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
            Assert.Contains($"'{file}' is a file, not a directory", refused.Message);
            Assert.False(refused.IsTransient);
        }

        File.Delete(file);
    }

    [Fact]
    public async Task A_directory_in_the_place_of_the_socket_is_named()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        string path = Directory.CreateDirectory(Path.Combine(directory, "broker.sock")).FullName;
        await using (var store = new BrokerLockStore(new BrokerLockSettings { Path = path }))
        {
            LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
            Assert.Contains("not a socket", refused.Message);
        }

        var server = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.Contains($"'{path}' is a directory", Assert.Throws<LockStoreException>(() => server.TryStart()).Message);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void A_file_that_is_no_socket_is_never_replaced()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        string path = Path.Combine(directory, "notes.txt");
        File.WriteAllText(path, "important");
        var server = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.Contains($"'{path}' is a file", Assert.Throws<LockStoreException>(() => server.TryStart()).Message);
        Assert.Equal("important", File.ReadAllText(path));
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_launcher_that_is_not_found_is_named()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        var launcher = new BrokerLauncher { Command = ["no-such-program-here", "broker"] };
        await using var store =
            new BrokerLockStore(new BrokerLockSettings { Path = Path.Combine(directory, "b.sock"), Launch = true }, launcher);
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
        Assert.Contains("'no-such-program-here' was not found", refused.Message);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_launched_broker_that_does_not_come_up_is_said()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        var launcher = new BrokerLauncher { Command = ["true"] };
        var connection =
            new BrokerLockSettings { Path = Path.Combine(directory, "b.sock"), Launch = true, ConnectTimeout = TimeSpan.FromSeconds(2) };
        await using var store = new BrokerLockStore(connection, launcher);
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
        Assert.Contains("was started, but it does not listen", refused.Message);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_broker_that_hangs_is_an_error_in_time_and_is_found_again_when_it_goes_on()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        string path = Path.Combine(directory, "broker.sock");
        await using (var broker = ChildProcess.Start(null, "broker", "--path", path, "--idle-exit", "60000"))
        {
            Assert.Equal("listening", await broker.ReadLineAsync());

            // A program that has just started answers its first request late: that one has all the time it needs.
            await using (var first = new BrokerLockStore(new BrokerLockSettings { Path = path }))
                Assert.Null(await first.GetAsync("k", default));
            var connection =
                new BrokerLockSettings { Path = path, CommandTimeout = TimeSpan.FromSeconds(1), ConnectTimeout = TimeSpan.FromSeconds(1) };
            await using var store = new BrokerLockStore(connection);
            var request = new AcquireRequest("k", "K", "test", TimeSpan.FromMinutes(30));
            long? token = (await AnsweredAsync(() => store.TryAcquireAsync(request, default))).FencingToken;
            await broker.PauseAsync();
            long began = TimeProvider.System.GetTimestamp();
            await Assert.ThrowsAsync<LockStoreException>(() =>
                Eventually.DoneAsync(store.GetAsync("k", default).AsTask(), "the time limit"));
            Assert.True(TimeProvider.System.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(900), "it gave up before its time limit");
            await broker.ResumeAsync();

            // The connection that was given up did not give the lease up.
            Assert.Equal("K", (await AnsweredAsync(() => store.GetAsync("k", default)))?.Id);
            Assert.Equal(token, (await AnsweredAsync(() => store.TryAcquireAsync(request, default))).FencingToken);
        }

        Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData("-ERR Protocol error: unbalanced quotes in request\r\n", "a Redis server")]
    [InlineData("-NOAUTH Authentication required.\r\n", "a Redis server")]
    [InlineData("-DENIED Redis is running in protected mode.\r\n", "a Redis server")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", "a web server")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "an SSH server")]
    public async Task Somebody_else_who_answers_is_named(string answer, string what)
    {
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        listener.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        listener.Listen();
        int port = ((System.Net.IPEndPoint)listener.LocalEndPoint!).Port;
        var serving = Task.Run(async () =>
        {
            using System.Net.Sockets.Socket client = await listener.AcceptAsync();
            await client.ReceiveAsync(new byte[1000]);
            await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(answer));
        });
        await using var store =
            new BrokerLockStore(new BrokerLockSettings { Host = "127.0.0.1", Port = port, ConnectTimeout = TimeSpan.FromMinutes(1) });
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
        Assert.Contains($"127.0.0.1:{port}", refused.Message);
        Assert.Contains(what, refused.Message);
        Assert.False(refused.IsTransient);
        await serving;
    }

    /// <summary>A broker on a busy machine may answer later than the time limit of this test: that is asked again.</summary>
    private static async Task<T> AnsweredAsync<T>(Func<ValueTask<T>> ask)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (LockStoreException e) when (e.IsTransient && TimeProvider.System.GetElapsedTime(began) < Eventually.Patience)
            {
                await Task.Delay(20);
            }
        }
    }

    [Fact]
    public async Task Idle_means_no_client_and_no_lock()
    {
        var clock = new TestClock();
        (TimeSpan idle, TimeSpan ttl) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10));
        await using var broker = new TestBroker(options => options with { IdleExit = idle }, clock);
        RawClient raw = await broker.RawAsync();
        long taken = clock.GetTimestamp();
        await raw.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":600000,"keepLocksAfterDeath":true}""");

        // A client.
        clock.Advance(ttl / 2);
        await raw.ExpectNothingAsync();
        raw.Close();
        await Eventually.TrueAsync(() => broker.Server.ConnectionCount == 0, "the client is gone");

        // A lock, and then neither for a while.
        Task<TimeSpan> ended = broker.Server.Completion.ContinueWith(
            _ => clock.GetElapsedTime(taken), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await clock.AdvanceUntilAsync(() => ended.IsCompleted, idle / 4, ttl, "the end of an idle broker");
        Assert.True(await ended >= ttl + idle, $"it ended after {(await ended).TotalSeconds} s");
        Assert.False(File.Exists(broker.Path));
    }

    [Theory]
    [InlineData("/tmp/x.sock", "127.0.0.1", null)]
    [InlineData("/tmp/x.sock", null, 6970)]
    public void A_path_and_a_host_exclude_each_other(string path, string? host, int? port)
    {
        LockConfigException wrong = Assert.Throws<LockConfigException>(() =>
            new BrokerLockStore(new BrokerLockSettings { Path = path, Host = host, Port = port }));
        Assert.Equal("connection", wrong.Path);
        Assert.Contains("host", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("path", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_that_is_too_long_is_refused_by_name() =>
        Assert.Contains("connection.path", Assert.Throws<LockConfigException>(() =>
            new BrokerLockStore(new BrokerLockSettings { Path = "/tmp/" + new string('x', 200) })).Message);

    [Fact]
    public void A_broker_elsewhere_cannot_be_launched() =>
        Assert.Contains("connection.launch", Assert.Throws<LockConfigException>(() =>
            new BrokerLockStore(new BrokerLockSettings { Host = "192.0.2.1", Launch = true })).Message);
}
