namespace Locking;

/// <summary>A broker that is ended by any signal at any phase of its life,
/// and the next one too: what was granted stays with whom it was granted to.</summary>
public sealed class EverySignalTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-signal-").FullName;
    private readonly List<IAsyncDisposable> _clients = [];
    private ChildProcess? _broker;

    public enum Phase
    {
        Starting,
        Pausing,
        Serving,
        Draining,
    }

    private string SocketPath => Path.Combine(_directory, "broker.sock");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable client in _clients)
            await client.DisposeAsync();
        if (_broker is not null)
            await _broker.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [CombinatorialSignals]
    public async Task Twice_in_a_row_it_ends_and_nobody_else_gets_what_is_held(string signal, Phase phase)
    {
        await StartAsync();
        RawClient published = await RawAsync();
        Assert.True((await published.AskAsync("""{"type":"lock","uuid":"P","key":"published","ttl":3600000}""")).GetProperty("acquired")
            .GetBoolean());
        var holder = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
        _clients.Add(holder);
        foreach ((string key, TimeSpan ttl) in (ReadOnlySpan<(string, TimeSpan)>)[("held", TimeSpan.FromHours(1)),
            ("never", Timeout.InfiniteTimeSpan)])
            Assert.True(holder.TryAcquireAsync(new AcquireRequest(key, $"holder of {key}", "test", ttl), default).AsTask().GetAwaiter()
                .GetResult().IsGranted);
        if (phase == Phase.Pausing)
        {
            await EndAsync("KILL");
            RecordFile.Pause(RecordFile.Of(SocketPath), TimeSpan.FromMilliseconds(1));
        }

        for (int time = 0; time < 2; time++)
        {
            switch (phase)
            {
                case Phase.Starting:
                    await EndAsync(signal);

                    // Somewhere on its way: from the first instruction to the first client.
                    for (int i = 0; i < 3; i++)
                    {
                        _broker = ChildProcess.Start(null, "broker", "--path", SocketPath, "--idle-exit", "60000");
                        await Task.Delay(Random.Shared.Next(0, 120));
                        await EndAsync(signal);
                    }

                    break;
                case Phase.Draining:
                    await _broker!.TrySignalAsync("TERM");
                    await EndAsync(signal);
                    break;
                case Phase.Pausing:
                    RecordFile.Pause(RecordFile.Of(SocketPath), TimeSpan.FromMinutes(time == 0 ? 5 : 10));
                    await StartAsync();
                    await EndAsync(signal);
                    break;
                default:
                    await EndAsync(signal);
                    break;
            }

            if (phase != Phase.Pausing)
                await StartAsync();
        }

        if (phase == Phase.Pausing)
            await StartAsync();
        var other = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
        _clients.Add(other);
        foreach (string key in (string[])["published", "held", "never"])
            Assert.False((await other.TryAcquireAsync(Request(key), default)).IsGranted, key);
        Assert.Equal(phase != Phase.Pausing, (await other.TryAcquireAsync(Request("free"), default)).IsGranted);

        // Whoever can comes back to what it has.
        Assert.Equal(StoreReply.Done, await holder.TryExtendAsync("held", "holder of held", TimeSpan.FromHours(1), default));
        Assert.Equal(StoreReply.Done, await holder.TryReleaseAsync("never", "holder of never", default));
        RawClient again = await RawAsync();
        Assert.True((await again.AskAsync("""{"type":"unlock","uuid":"Q","_uuid":"P","key":"published"}""")).GetProperty("unlocked")
            .GetBoolean());
        foreach (string key in (string[])["published", "never"])
            Assert.Equal(phase != Phase.Pausing, (await other.TryAcquireAsync(Request(key), default)).IsGranted);
        Assert.False((await other.TryAcquireAsync(Request("held"), default)).IsGranted);
    }

    private static AcquireRequest Request(string key) => new(key, $"other of {key}", "test", TimeSpan.FromMinutes(1));

    private async Task<RawClient> RawAsync()
    {
        RawClient client = await RawClient.UnixAsync(SocketPath);
        _clients.Add(client);
        return client;
    }

    private async Task StartAsync()
    {
        _broker = ChildProcess.Start(null, "broker", "--path", SocketPath, "--idle-exit", "60000");
        Assert.Equal("listening", await _broker.ReadLineAsync());
    }

    private async Task EndAsync(string signal)
    {
        await _broker!.TrySignalAsync(signal);
        await _broker.WaitForEndAsync();
        await _broker.DisposeAsync();
    }

    private sealed class CombinatorialSignalsAttribute : Xunit.Sdk.DataAttribute
    {
        public override IEnumerable<object[]> GetData(System.Reflection.MethodInfo testMethod) =>
            from signal in (string[])["TERM", "KILL", "INT", "HUP", "QUIT"]
            from phase in Enum.GetValues<Phase>()
            select (object[])[signal, phase];
    }
}
