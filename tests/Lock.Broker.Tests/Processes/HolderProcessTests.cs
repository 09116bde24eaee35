using System.Text.Json;
using Locking.Conformance;

namespace Locking;

public sealed class HolderProcessTests
{
    [Fact]
    public async Task A_killed_holder_frees_its_lock_at_once()
    {
        await using var broker = new TestBroker();
        await using var holder = ChildProcess.Start(Config(broker, ttl: 60_000), "hold", "k");
        long token = TokenOf(await holder.ReadLineAsync());
        Task<ILockHandle> waiting = broker.Lock().LockAsync("k").AsTask();
        while (broker.Server.Locks.Table.Report("k").Waiters == 0)
            await Task.Delay(5);
        await holder.KillAsync();
        await using ILockHandle handle = await waiting.WaitAsync(Eventually.Patience);
        Assert.True(handle.FencingToken > token);
    }

    [Fact]
    public async Task A_holder_that_was_paused_past_its_lease_knows_it_first_thing_and_its_late_write_is_refused()
    {
        var time = new TestClock();
        await using var broker = new TestBroker(clock: time);
        var resource = new FencedResource();
        string clock = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(clock, "0");
            var ttl = TimeSpan.FromMinutes(10);
            await using var holder = ChildProcess.Start(Config(broker, (int)ttl.TotalMilliseconds), "hold", "k", clock);
            long token = TokenOf(await holder.ReadLineAsync());
            Assert.Equal("fine", await holder.AskAsync("check"));
            Assert.True(resource.TryWrite(token, "before"));

            // While it stands still the time of its lease goes by, at the broker and on its own machine.
            await holder.PauseAsync();
            await File.WriteAllTextAsync(clock, $"{ttl.TotalSeconds + 1}");
            time.Advance(ttl);
            await using ILockHandle next = await broker.Lock().LockAsync("k").AsTask().WaitAsync(Eventually.Patience);
            Assert.True(resource.TryWrite(next.FencingToken!.Value, "next"));
            await holder.ResumeAsync();

            Assert.StartsWith("lost", await holder.AskAsync("check"));
            Assert.False(resource.TryWrite(long.Parse(await holder.AskAsync("token")), "late"));
            Assert.Equal("next", resource.Value);
            await holder.EndAsync();
        }
        finally
        {
            File.Delete(clock);
        }
    }

    [Fact]
    public async Task A_child_that_leaves_a_fault_behind_that_nobody_looks_at_fails_its_test()
    {
        var child = ChildProcess.Start(null, "fault");
        (int code, string errors) = await child.EndedAsync();
        Assert.Equal(70, code);
        Assert.Contains("left behind", errors, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(async () => await child.DisposeAsync());
    }

    [Fact]
    public async Task A_killed_broker_loses_no_lease_and_no_waiter()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        string path = Path.Combine(directory, "broker.sock");
        try
        {
            var broker = ChildProcess.Start(null, "broker", "--path", path, "--idle-exit", "60000");
            Assert.Equal("listening", await broker.ReadLineAsync());
            await using var locks = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }));
            await using var others = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }));
            ILockHandle handle = await locks.LockAsync("k", new LockOptions { Ttl = TimeSpan.FromSeconds(30), AutoRenew = true });
            Task<ILockHandle> waiting = others.LockAsync("k").AsTask();
            await others.GetAsync("k");

            await broker.KillAsync();
            await broker.DisposeAsync();
            await using var next = ChildProcess.Start(null, "broker", "--path", path, "--idle-exit", "60000");
            Assert.Equal("listening", await next.ReadLineAsync());

            // Renewed at the new broker, and not given to the waiter while it lives.
            TimeSpan last = TimeSpan.MaxValue;
            await Eventually.TrueAsync(
                async () =>
                {
                    handle.ThrowIfLost();
                    Assert.False(waiting.IsCompleted);
                    if (await others.GetAsync("k") is not { } seen)
                        return false; // not claimed back yet
                    bool isRenewed = seen.Remaining > last;
                    last = seen.Remaining;
                    return isRenewed;
                },
                "a renewal at the new broker");

            Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
            await using ILockHandle granted = await waiting.WaitAsync(Eventually.Patience);
            Assert.True(granted.FencingToken > handle.FencingToken);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Ten_starters_at_once_end_with_one_broker_and_take_turns()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        string path = Path.Combine(directory, "broker.sock");
        string file = Path.Combine(directory, "counter");
        try
        {
            string config =
                JsonSerializer.Serialize(new { type = "broker", connection = new { path, launch = true, connectTimeout = 60_000 } });
            var children = new List<ChildProcess>();
            for (int i = 0; i < 10; i++)
                children.Add(ChildProcess.Start(config, "count", file, "5"));
            foreach (ChildProcess child in children)
            {
                await child.ExpectSuccessAsync();
                await child.DisposeAsync();
            }

            var tokens = (await File.ReadAllLinesAsync(file)).Select(line => long.Parse(line.Split(' ')[0])).ToList();
            Assert.Equal(50, tokens.Count);
            Assert.Equal(tokens.Order(), tokens);
            Assert.Equal(50, tokens.Distinct().Count());

            // The broker ends by itself once it is idle, and takes its socket with it.
            await Eventually.TrueAsync(() => !File.Exists(path), "the end of the idle broker");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Config(TestBroker broker, int ttl) => JsonSerializer.Serialize(
        new { type = "broker", connection = new { path = broker.Path }, lockOptions = new { ttl } });

    private static long TokenOf(string line)
    {
        Assert.StartsWith("held ", line);
        return long.Parse(line[5..]);
    }

    /// <summary>Refuses a write whose token is lower than one it has seen.</summary>
    private sealed class FencedResource
    {
        private long _highest;

        public string Value { get; private set; } = "";

        public bool TryWrite(long token, string value)
        {
            if (token < _highest)
                return false;
            (_highest, Value) = (token, value);
            return true;
        }
    }
}
