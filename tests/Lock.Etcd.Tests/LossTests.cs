using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Grants that end from outside, and history that is thrown away.</summary>
public sealed class LossTests(EtcdFixture etcd) : IClassFixture<EtcdFixture>
{
    private readonly string _key = Guid.NewGuid().ToString();

    private string Line => $"lock:{_key}/";

    [Fact]
    public async Task A_lease_that_is_revoked_from_outside_is_announced_lost_at_once()
    {
        await using ILock locks = new StoreLock(etcd.NewStore());
        ILockHandle handle = await locks.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromHours(1) });
        string entry = await EntryAsync();
        await etcd.Server.ControlAsync("lease", "revoke", entry.Split('/')[1]);
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Removed, handle.LostReason);
    }

    [Fact]
    public async Task An_entry_that_is_deleted_from_outside_is_announced_lost_at_once()
    {
        await using ILock locks = new StoreLock(etcd.NewStore());
        ILockHandle handle = await locks.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromHours(1) });
        await etcd.Server.ControlAsync("del", await EntryAsync());
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Removed, handle.LostReason);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await handle.UnlockAsync());
    }

    [Fact]
    public async Task A_waiter_whose_place_is_taken_away_stands_in_line_anew()
    {
        await using ILock locks = new StoreLock(etcd.NewStore()), waits = new StoreLock(etcd.NewStore());
        ILockHandle handle = await locks.LockAsync(_key);
        Task<ILockHandle> waiting = waits.LockAsync(_key, new LockOptions { Ttl = TimeSpan.FromSeconds(3) }).AsTask();
        string place = "";
        await Eventually.TrueAsync(async () => (place = (await EntriesAsync()).Skip(1).SingleOrDefault() ?? "") != "",
            "a place in the line");
        await etcd.Server.ControlAsync("del", place);
        await Eventually.TrueAsync(async () => (await EntriesAsync()).Length == 2, "another place");
        await handle.DisposeAsync();
        await (await Eventually.DoneAsync(waiting, "its grant")).DisposeAsync();
    }

    [Fact]
    public async Task A_watch_of_what_is_compacted_says_that_it_does_not_know()
    {
        using var client = new EtcdClient(new EtcdSettings { Members = [new Uri(etcd.Server.Url)] }, TimeProvider.System);
        var watches = new EtcdWatches(client);
        await using ILock locks = new StoreLock(etcd.NewStore());
        await (await locks.LockAsync(_key)).DisposeAsync();
        await CompactAsync();
        Assert.False(await Eventually.DoneAsync(
            watches.DeletedAsync(Google.Protobuf.ByteString.CopyFromUtf8(Line), 1, CancellationToken.None), "what became of the watch"));
    }

    [Fact]
    public async Task Holders_and_waiters_go_on_over_a_restart_whose_history_is_compacted()
    {
        EtcdServer server = await EtcdServer.StartAsync();
        await using EtcdServer _ = server;
        await using ILock locks = new StoreLock(EtcdFixture.StoreAt([server.Url])),
            waits = new StoreLock(EtcdFixture.StoreAt([server.Url]));
        var lease = new LockOptions { Ttl = TimeSpan.FromMinutes(2), AutoRenew = false };
        ILockHandle handle = await locks.LockAsync(_key, lease);
        Task<ILockHandle> waiting = waits.LockAsync(_key, lease).AsTask();
        await Eventually.TrueAsync(async () => (await EntriesAsync(server)).Length == 2, "a place in the line");
        server.Kill();
        server.Start([server]);
        await server.ReadyAsync();
        await CompactAsync(server);
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        ILockHandle next = await Eventually.DoneAsync(waiting, "its grant");
        Assert.True(next.FencingToken > handle.FencingToken);
        string[] left = await EntriesAsync(server);
        await server.ControlAsync("del", Assert.Single(left));
        await Eventually.TrueAsync(() => next.LostToken.IsCancellationRequested, "the loss");
    }

    private Task CompactAsync() => CompactAsync(etcd.Server);

    private static async Task CompactAsync(EtcdServer server)
    {
        string status = await server.ControlAsync("endpoint", "status", "-w", "json");
        string revision = System.Text.RegularExpressions.Regex.Match(status, "\"revision\":([0-9]+)").Groups[1].Value;
        await server.ControlAsync("compaction", "--physical", revision);
    }

    private async Task<string> EntryAsync() => Assert.Single(await EntriesAsync());

    private Task<string[]> EntriesAsync() => EntriesAsync(etcd.Server);

    /// <summary>The entries of the line, oldest first.</summary>
    private async Task<string[]> EntriesAsync(EtcdServer server) =>
        (await server.ControlAsync("get", "--prefix", "--keys-only", "--sort-by=CREATE", Line))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
