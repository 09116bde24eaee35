namespace Locking;

/// <summary>The broker as it runs where there is no epoll.</summary>
public sealed class RuntimeArrivalsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-arrivals-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Clients_take_turns_wait_list_and_leave()
    {
        string path = Path.Combine(_directory, "broker.sock");
        await using var server =
            new BrokerServer(new BrokerServerOptions { Path = path }) { NewArrivals = static () => new RuntimeArrivals() };
        Assert.True(server.TryStart());
        await using (var store = new BrokerLockStore(new BrokerLockSettings { Path = path }))
        {
            await Task.WhenAll(Enumerable.Range(0, 5_000).Select(i =>
                store.TryAcquireAsync(new AcquireRequest($"many/{i}", $"id{i}", "test", TimeSpan.FromMinutes(5)), default).AsTask()));
            int listed = 0;
            await foreach (LockInfo info in store.ListAsync("many/", default))
                listed++;
            Assert.Equal(5_000, listed);
        }

        await using var first = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }));
        await using var second = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }));
        int inside = 0;
        int turns = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (int turn = 0; turn < 100; turn++)
            {
                await using ILockHandle handle = await (i % 2 == 0 ? first : second).LockAsync("key");
                Assert.Equal(1, Interlocked.Increment(ref inside));
                Interlocked.Increment(ref turns);
                Interlocked.Decrement(ref inside);
            }
        })));
        Assert.Equal(800, turns);
        Assert.Equal(2, server.ConnectionCount);
    }

    [Fact]
    public async Task Who_does_not_read_is_waited_for()
    {
        string path = Path.Combine(_directory, "broker.sock");
        await using var server =
            new BrokerServer(new BrokerServerOptions { Path = path }) { NewArrivals = static () => new RuntimeArrivals() };
        Assert.True(server.TryStart());
        await using RawClient lister = await RawClient.UnixAsync(path);
        await using var store = new BrokerLockStore(new BrokerLockSettings { Path = path });
        string padding = new string('p', 900);
        await Task.WhenAll(Enumerable.Range(0, 2_000).Select(i =>
            store.TryAcquireAsync(new AcquireRequest($"{padding}{i}", $"id{i}", "test", TimeSpan.FromMinutes(1)), default).AsTask()));
        await lister.SendAsync("""{"type":"lk-list","n":1,"prefix":"p"}""");
        Assert.NotNull(await store.GetAsync(padding + "7", default));
        int items = 0;
        while (await lister.ReadLineAsync() is { } line && line is not """{"type":"lk-done","n":1}""")
            items++;
        Assert.Equal(2_000, items);
        await lister.SendAsync("""{"type":"lk-ping","n":2}""");
        Assert.Equal("""{"type":"lk-done","n":2}""", await lister.ReadLineAsync());
    }
}
