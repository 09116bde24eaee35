using System.Net.Sockets;
using Locking.Conformance;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>What must not happen, happens: it costs one client, and never the broker.</summary>
public sealed class FaultTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-faults-").FullName;

    private string SocketPath => Path.Combine(_directory, "broker.sock");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_line_that_cannot_be_handled_costs_its_client_alone_even_when_that_cannot_be_logged(bool logFails)
    {
        using var log = new FaultyLog { Fails = logFails };
        var time = new FaultyTime();
        await using BrokerServer server = Start(new LockProviderContext(time, log));
        await using RawClient bad = await RawClient.UnixAsync(SocketPath);
        await using RawClient good = await RawClient.UnixAsync(SocketPath);
        await good.ExpectNothingAsync();
        Assert.True((await bad.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());

        // The answer to a published ping tells the time of day.
        time.Fails = true;
        await bad.SendAsync("""{"type":"ping","uuid":"P","timestamp":1}""");
        Assert.Null(await bad.ReadLineAsync());
        time.Fails = false;
        await good.ExpectNothingAsync();
        Assert.Equal(1, server.ConnectionCount);
        Assert.False((await good.AskAsync("""{"type":"lock","uuid":"U2","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());
        log.Fails = false;
    }

    [Fact]
    public async Task What_is_done_by_time_may_fail_and_the_broker_goes_on()
    {
        using var log = new FaultyLog { Fails = true };
        var clock = new FaultyTime();
        await using BrokerServer server = Start(new LockProviderContext(clock, log));
        clock.Fails = true;
        while (clock.Failures < 3)
            await Task.Delay(5);
        clock.Fails = false;
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        await client.ExpectNothingAsync();
        log.Fails = false;
    }

    [Fact]
    public async Task A_fault_in_what_is_done_now_and_then_ends_nothing()
    {
        var time = new FaultyTime();
        await using BrokerServer server = Start(LockProviderContext.Default with { TimeProvider = time });
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        await client.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":60000}""");
        time.Fails = true;
        await Eventually.TrueAsync(() => time.Failures > 1, "the clock fails whoever looks after the leases");
        time.Fails = false;
        await client.ExpectNothingAsync();
        Assert.False((await client.AskAsync("""{"type":"lock","uuid":"U2","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task A_connection_that_cannot_be_taken_on_is_closed_and_the_next_ones_come_in()
    {
        var arrivals = new RefusingArrivals { Refuses = true };
        await using var server = new BrokerServer(new BrokerServerOptions { Path = SocketPath }) { NewArrivals = () => arrivals };
        Assert.True(server.TryStart());
        await using RawClient bad = await RawClient.UnixAsync(SocketPath);
        Assert.Null(await bad.ReadLineAsync());
        arrivals.Refuses = false;
        await using RawClient good = await RawClient.UnixAsync(SocketPath);
        await good.ExpectNothingAsync();
        Assert.Equal(1, server.ConnectionCount);
    }

    [Fact]
    public async Task When_descriptors_run_out_new_connections_are_closed_and_come_in_again_when_some_are_free()
    {
        long? limit = null;
        await using var server = new BrokerServer(new BrokerServerOptions { Path = SocketPath }) { DescriptorLimit = () => limit };
        Assert.True(server.TryStart());
        await using RawClient first = await RawClient.UnixAsync(SocketPath);
        await first.ExpectNothingAsync();
        limit = 0;
        await using (RawClient refused = await RawClient.UnixAsync(SocketPath))
            Assert.Null(await refused.ReadLineAsync());
        await first.ExpectNothingAsync();
        limit = UnixFiles.DescriptorLimit;
        Assert.InRange(limit!.Value, 64, int.MaxValue);
        await using RawClient next = await RawClient.UnixAsync(SocketPath);
        await next.ExpectNothingAsync();
    }

    [Fact]
    public async Task A_socket_whose_file_was_removed_is_there_again_and_those_who_are_connected_stay()
    {
        var time = new FakeTimeProvider();
        await using BrokerServer server = Start(LockProviderContext.Default with { TimeProvider = time });
        await using RawClient before = await RawClient.UnixAsync(SocketPath);
        await before.AskAsync("""{"type":"lock","uuid":"U1","key":"a","ttl":60000}""");
        File.Delete(SocketPath);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(File.Exists(SocketPath));
        await using RawClient after = await RawClient.UnixAsync(SocketPath);
        Assert.False((await after.AskAsync("""{"type":"lock","uuid":"U2","key":"a","ttl":60000}""")).GetProperty("acquired").GetBoolean());
        Assert.Equal(2, server.ConnectionCount);
        await server.DisposeAsync();
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public async Task A_directory_that_is_gone_does_not_keep_a_broker_from_its_end()
    {
        string path = Path.Combine(_directory, "gone", "broker.sock");
        var server = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.True(server.TryStart());
        Directory.Delete(Path.Combine(_directory, "gone"), recursive: true);
        await server.DisposeAsync();
        Assert.True(server.Completion.IsCompletedSuccessfully);
    }

    private BrokerServer Start(LockProviderContext context)
    {
        var server = new BrokerServer(new BrokerServerOptions { Path = SocketPath }, context);
        Assert.True(server.TryStart());
        return server;
    }

    private sealed class FaultyTime : TimeProvider
    {
        private int _failures;

        public bool Fails { get; set; }

        public int Failures => Volatile.Read(ref _failures);

        public override DateTimeOffset GetUtcNow()
        {
            if (!Fails)
                return base.GetUtcNow();
            Interlocked.Increment(ref _failures);
            throw new InvalidOperationException("The clock has failed.");
        }
    }

    private sealed class FaultyLog : ILoggerFactory, ILogger
    {
        public bool Fails { get; set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (Fails && logLevel == LogLevel.Error)
                throw new InvalidOperationException("The log has failed.");
        }

        public void Dispose()
        {
        }
    }

    private sealed class RefusingArrivals : Arrivals
    {
        private readonly Arrivals _inner = ServingThread.SystemArrivals();

        public bool Refuses { get; set; }

        public override bool TryAdd(long number, Socket socket) =>
            Refuses ? throw new InvalidOperationException("It cannot be taken on.") : _inner.TryAdd(number, socket);

        public override void Pause(long number, Socket socket) => _inner.Pause(number, socket);

        public override void Resume(long number, Socket socket) => _inner.Resume(number, socket);

        public override void Wait(List<long> numbers, bool sleep) => _inner.Wait(numbers, sleep);

        public override void Wake() => _inner.Wake();

        public override void Dispose() => _inner.Dispose();
    }
}
