using System.Text.Json;

namespace Locking;

/// <summary>Leases without expiry and a broker that is killed.</summary>
public sealed class PermanentKillTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;

    private string SocketPath => Path.Combine(_directory, "broker.sock");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_holder_that_was_paused_over_the_kill_finds_its_lock_still_its_own()
    {
        ChildProcess broker = await StartAsync();
        string config = JsonSerializer.Serialize(
            new { type = "broker", connection = new { path = SocketPath }, lockOptions = new { ttl = (int?)null } });
        await using var holder = ChildProcess.Start(config, "hold", "k");
        long token = long.Parse((await holder.ReadLineAsync())["held ".Length..]);
        await holder.PauseAsync();
        await broker.KillAsync();
        await broker.DisposeAsync();
        await using ChildProcess next = await StartAsync();

        // Nobody else gets it.
        await using var others = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = SocketPath }));
        Assert.Null(await others.TryLockAsync("k"));
        Assert.Equal(token, (await others.GetAsync("k"))!.FencingToken);
        await holder.ResumeAsync();
        Assert.Equal("fine", await holder.AskAsync("check"));
        Assert.Equal("Released", await holder.AskAsync("unlock"));

        await using ILockHandle handle = (await others.TryLockAsync("k"))!;
        Assert.True(handle.FencingToken > token);
    }

    [Fact]
    public async Task Whenever_it_is_killed_what_was_granted_is_held_and_what_was_given_back_is_free()
    {
        var random = new Random(1);
        ChildProcess broker = await StartAsync();
        int turns = 0;
        for (int kill = 0; kill < 12; kill++)
        {
            var stores = Enumerable.Range(0, 4).Select(_ => new BrokerLockStore(new BrokerLockSettings { Path = SocketPath })).ToList();
            var workers = stores.Select((store, number) =>
                Task.Run(() => WorkAsync(store, $"key{number}", () => Interlocked.Increment(ref turns)))).ToList();
            int until = Volatile.Read(ref turns) + random.Next(1, 400);
            while (Volatile.Read(ref turns) < until)
                await Task.Yield();
            await broker.KillAsync();
            await broker.DisposeAsync();
            (string? Id, bool IsSure)[] known = await Task.WhenAll(workers).WaitAsync(TimeSpan.FromSeconds(30));
            foreach (BrokerLockStore? store in stores)
                await store.DisposeAsync();

            broker = await StartAsync();
            await using var asking = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
            for (int number = 0; number < known.Length; number++)
            {
                string? found = (await asking.GetAsync($"key{number}", default))?.Id;
                (string? id, bool isSure) = known[number];
                Assert.True(found == id || (!isSure && found is null),
                    $"kill {kill}: {found ?? "nobody"} holds it; {(isSure ? "surely" : "perhaps")} {id ?? "nobody"} does");
                if (found is not null)
                    Assert.Equal(StoreReply.Done, await asking.TryReleaseAsync($"key{number}", found, default));
            }
        }

        await broker.KillAsync();
        await broker.DisposeAsync();
    }

    /// <summary>Takes the lock and gives it back until the broker is gone.</summary>
    /// <returns>Whose it was then, as far as the broker has said; not sure while a question about it had no answer.</returns>
    private static async Task<(string? Id, bool IsSure)> WorkAsync(BrokerLockStore store, string key, Action turn)
    {
        (string? Id, bool IsSure) known = (null, true);
        try
        {
            while (true)
            {
                string id = Guid.NewGuid().ToString();
                known = (id, false);
                Assert.True((await store.TryAcquireAsync(PermanentLeaseTests.Request(key, id, keep: true), default)).IsGranted);
                known = (id, true);
                turn();
                if (Random.Shared.Next(3) == 0)
                    await Task.Delay(1);
                known = (id, false);
                Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, default));
                known = (null, true);
            }
        }
        catch (LockStoreException e) when (e.IsTransient)
        {
            return known;
        }
    }

    private async Task<ChildProcess> StartAsync()
    {
        var broker = ChildProcess.Start(null, "broker", "--path", SocketPath, "--idle-exit", "60000");
        Assert.Equal("listening", await broker.ReadLineAsync());
        return broker;
    }
}
