using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Locking.Conformance;

namespace Locking;

/// <summary>Our client against npm's live-mutex broker.</summary>
public sealed class PublishedBrokerTests : IAsyncLifetime
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(30);

    private readonly NodeDriver _node = NodeDriver.Start();
    private readonly List<IAsyncDisposable> _stores = [];
    private int _port;

    public async Task InitializeAsync()
    {
        _port = FreePort();
        await _node.MustAsync("broker", new { options = new { port = _port, host = "127.0.0.1" } });
        await _node.MustAsync("open", new { client = "a", options = new { port = _port, host = "127.0.0.1" } });
    }

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable store in _stores)
            await store.DisposeAsync();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Lock_and_unlock_without_a_token()
    {
        AcquireReply reply = await Store().TryAcquireAsync(Request("k", out string id), default);
        Assert.True(reply.IsGranted);
        Assert.Null(reply.FencingToken);
        BrokerLockStore other = Store();
        Assert.False((await other.TryAcquireAsync(Request("k", out _), default)).IsGranted);
        Assert.Equal(StoreReply.Done, await ((BrokerLockStore)_stores[0]).TryReleaseAsync("k", id, default));
        Assert.True((await other.TryAcquireAsync(Request("k", out _), default)).IsGranted);
    }

    [Fact]
    public async Task Handles_work_with_a_fixed_lease()
    {
        await using var locks = new StoreLock(Store(), new LockOptions { AutoRenew = false });
        await using ILockHandle handle = await locks.LockAsync("k");
        Assert.Null(handle.FencingToken);
        Assert.InRange(handle.Remaining.TotalSeconds, 25, 30);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    }

    [Fact]
    public async Task It_waits_for_their_client_and_their_client_for_it()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k" });
        BrokerLockStore store = Store();
        Task<AcquireReply> waiting = store.AcquireAsync(Request("k", out string id), Timeout.InfiniteTimeSpan, default).AsTask();
        await Task.Delay(200);
        Assert.False(waiting.IsCompleted);
        await _node.MustAsync("release", new { client = "a", key = "k" });
        Assert.True((await waiting.WaitAsync(Eventually.Patience)).IsGranted);
        Task<JsonElement> theirs = _node.MustAsync("acquire", new { client = "a", key = "k" });
        await Task.Delay(100);
        Assert.False(theirs.IsCompleted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, default));
        await theirs;
    }

    [Fact]
    public async Task A_long_wait_does_not_count_against_the_lease()
    {
        // A busy machine may send the request late; it is held up for longer then.
        for (var held = TimeSpan.FromSeconds(1.5); ; held *= 2)
        {
            await _node.MustAsync("acquire", new { client = "a", key = "k" });
            long began = TimeProvider.System.GetTimestamp();
            BrokerLockStore store = Store();
            Task<AcquireReply> waiting =
                store.AcquireAsync(Request("k", out string id, TimeSpan.FromMilliseconds(800)), Timeout.InfiniteTimeSpan, default)
                    .AsTask();
            await Task.Delay(held);
            await _node.MustAsync("release", new { client = "a", key = "k" });
            AcquireReply reply = await waiting.WaitAsync(Eventually.Patience);
            Assert.True(reply.IsGranted);

            // Never later than the grant itself, and not so early that the lease would seem to be over.
            Assert.True(reply.QueuedFor <= TimeProvider.System.GetElapsedTime(began), "the lease begins after its grant");
            if (reply.QueuedFor > TimeSpan.FromSeconds(1))
                break;
            Assert.True(held < TimeSpan.FromSeconds(20), $"queued for {held}, and said {reply.QueuedFor}");
            await store.TryReleaseAsync("k", id, default);
        }
    }

    [Fact]
    public async Task A_wait_that_ends_leaves_the_queue_and_stalls_nobody()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k", @as = "1" });
        BrokerLockStore store = Store();
        Assert.False((await store.AcquireAsync(Request("k", out _), TimeSpan.FromMilliseconds(100), default)).IsGranted);
        await _node.MustAsync("release", new { client = "a", key = "k", @as = "1" });
        await _node.MustAsync("acquire", new { client = "a", key = "k", @as = "2" }).WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task Force_takes_the_lock_from_their_client()
    {
        await _node.MustAsync("acquire", new { client = "a", key = "k" });
        BrokerLockStore store = Store();
        Assert.True(await store.ForceReleaseAsync("k", default));
        Assert.True((await store.TryAcquireAsync(Request("k", out _), default)).IsGranted);
    }

    [Fact]
    public async Task What_it_lacks_is_said()
    {
        BrokerLockStore store = Store();
        AcquireRequest request = Request("k", out string id);
        await store.TryAcquireAsync(request, default);
        LockStoreException extend =
            await Assert.ThrowsAsync<LockStoreException>(() => store.TryExtendAsync("k", id, s_ttl, default).AsTask());
        Assert.False(extend.IsTransient);
        Assert.Contains("cannot lengthen a lease", extend.Message);
        Assert.Contains("cannot tell who holds",
            (await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask())).Message);
        var kept = new AcquireRequest("x", Guid.NewGuid().ToString(), "test", s_ttl) { KeepOnDisconnect = true };
        Assert.Contains("keepOnDisconnect",
            (await Assert.ThrowsAsync<LockStoreException>(() => store.TryAcquireAsync(kept, default).AsTask())).Message);
    }

    [Fact]
    public async Task A_secret_is_not_given_to_it()
    {
        var store = new BrokerLockStore(new BrokerLockSettings { Port = _port, Secret = "hidden" });
        _stores.Add(store);
        LockStoreException refused =
            await Assert.ThrowsAsync<LockStoreException>(() => store.TryAcquireAsync(Request("k", out _), default).AsTask());
        Assert.Contains("connection.secret", refused.Message);
        Assert.DoesNotContain("hidden", refused.ToString());
    }

    [Fact]
    public async Task Leases_are_lost_with_the_connection()
    {
        BrokerLockStore store = Store();
        await store.TryAcquireAsync(Request("k", out string id), default);
        var lost = new TaskCompletionSource<StoreLoss>(TaskCreationOptions.RunContinuationsAsynchronously);
        store.LeaseLost += loss => lost.TrySetResult(loss);
        await _node.DisposeAsync();
        Assert.Equal(new StoreLoss("k", id, LostReason.SessionLost), await lost.Task.WaitAsync(Eventually.Patience));
    }

    private static AcquireRequest Request(string key, out string id, TimeSpan? ttl = null) =>
        new(key, id = Guid.NewGuid().ToString(), "test", ttl ?? s_ttl);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        do
        {
            listener.Start();
            int port = ((IPEndPoint)listener.LocalEndpoint).Port;
            listener.Stop();

            // The published broker accepts no port above this.
            if (port < 49_151)
                return port;
        }
        while (true);
    }

    private BrokerLockStore Store()
    {
        var store = new BrokerLockStore(new BrokerLockSettings { Port = _port });
        _stores.Add(store);
        return store;
    }
}
