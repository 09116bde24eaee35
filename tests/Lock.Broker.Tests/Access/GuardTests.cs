using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>Somebody empties the directory of a broker that lives, or a client does not see it.</summary>
public sealed class GuardTests : IAsyncDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("lock-guard-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly List<BrokerServer> _servers = [];

    private string Place => Path.Combine(_parent, "place");

    private string SocketPath => Path.Combine(Place, "broker.sock");

    public async ValueTask DisposeAsync()
    {
        foreach (BrokerServer server in _servers)
            await server.DisposeAsync();
        Directory.Delete(_parent, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_emptied_or_renamed_directory_makes_no_second_broker_and_its_clients_find_the_first(bool renamed)
    {
        BrokerServer server = Start(out bool began);
        Assert.True(began);
        await using (var client = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath }))
            Assert.True((await client.TryAcquireAsync(Request("k", "A", keep: true), default)).IsGranted);
        if (renamed)
            Directory.Move(Place, Place + ".old");
        else
            Directory.Delete(Place, recursive: true);
        Start(out began);
        Assert.False(began);

        // Nobody sees a socket now.
        File.Delete(SocketPath);
        await using (var other = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath }))
        {
            Assert.False((await other.TryAcquireAsync(Request("k", "B"), default)).IsGranted);
            Assert.Equal("A", (await other.GetAsync("k", default))!.Id);
        }

        // Within a second it is there again, and so is what the next one needs.
        _time.Advance(TimeSpan.FromSeconds(1.5));
        await using (RawClient raw = await RawClient.UnixAsync(SocketPath))
            await raw.ExpectNothingAsync();
        await server.DisposeAsync();
        Start(out began);
        Assert.True(began);
        await using var last = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
        Assert.Equal("A", (await last.GetAsync("k", default))!.Id);
    }

    [Fact]
    public async Task A_record_that_is_removed_alone_is_made_anew_with_all_that_is_held_since()
    {
        BrokerServer server = Start(out _);
        await using RawClient client = await RawClient.UnixAsync(SocketPath);
        await client.AskAsync("""{"type":"lk-acquire","n":1,"key":"before","id":"A","ttl":60000,"keep":true}""");
        File.Delete(RecordFile.Of(SocketPath));
        await client.AskAsync("""{"type":"lk-acquire","n":2,"key":"meanwhile","id":"A","ttl":60000,"keep":true}""");
        _time.Advance(TimeSpan.FromSeconds(1.5));
        await client.AskAsync("""{"type":"lk-acquire","n":3,"key":"after","id":"A","ttl":60000,"keep":true}""");
        await client.AskAsync("""{"type":"lk-release","n":4,"key":"before","id":"A"}""");
        await server.DisposeAsync();
        Start(out _);
        await using RawClient next = await RawClient.UnixAsync(SocketPath);
        foreach ((string key, string type) in (ReadOnlySpan<(string, string)>)[("before", "lk-none"), ("meanwhile", "lk-info"),
            ("after", "lk-info")])
            Assert.Equal(type,
                next.AskAsync($$"""{"type":"lk-get","n":1,"key":"{{key}}"}""").GetAwaiter().GetResult().GetProperty("type").GetString());
    }

    [Fact]
    public async Task Another_users_process_that_has_the_name_keeps_nobody_from_locking_and_is_told()
    {
        // Bound by this process and by nobody who listens: it cannot be told whose it is.
        using (var squatter = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            squatter.Bind(PathGuard.AddressOf(SocketPath));
            MakePlace();
            Start(out bool began);
            Assert.True(began);
            await using var store = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
            Assert.True((await store.TryAcquireAsync(Request("k", "A"), default)).IsGranted);
            Assert.Contains("guard-taken", (await store.DiagnoseAsync(default)).Select(static finding => finding.Code));

            // And the files still tell that it lives.
            Start(out began);
            Assert.False(began);
        }
    }

    [Fact]
    public void Whose_process_listens_decides_whether_it_is_another_broker()
    {
        Assert.Equal(GuardTaking.Taken, PathGuard.TryTake(SocketPath, out Socket? guard));
        using (guard)
        {
            Assert.Equal(GuardTaking.Another, PathGuard.TryTake(SocketPath, out _));

            // As a user sees it who has another number.
            Assert.Equal(GuardTaking.PassedOver,
                PathGuard.TryTake(SocketPath, out _, own: UnixFiles.UserId + 1, at: PathGuard.AddressOf(SocketPath)));
        }

        Assert.Equal(GuardTaking.Taken, PathGuard.TryTake(SocketPath, out guard));
        guard!.Dispose();
    }

    [Fact]
    public async Task Without_a_guard_a_second_broker_grants_nothing_until_the_first_has_given_way()
    {
        MakePlace();
        BrokerServer first = Start(out _, usesGuard: false);
        var holder = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
        await using BrokerLockStore held = holder;
        Assert.True((await holder.TryAcquireAsync(Request("k", "A"), default)).IsGranted);
        Directory.Delete(Place, recursive: true);
        BrokerServer second = Start(out bool began, usesGuard: false);
        Assert.True(began);
        Assert.InRange(second.Locks.Pause.Left.TotalSeconds, 1.5, 2);
        await using var other = new BrokerLockStore(new BrokerLockSettings { Path = SocketPath });
        Assert.False((await other.TryAcquireAsync(Request("k", "B"), default)).IsGranted);
        _time.Advance(TimeSpan.FromSeconds(1.3));
        await first.Completion.WaitAsync(TimeSpan.FromSeconds(30));

        // Its client goes to the second one and has its lock there.
        while (second.Locks.Find("k", "A") is null)
            await Task.Delay(5);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(second.Locks.Pause.IsOn);
        Assert.False((await other.TryAcquireAsync(Request("k", "B"), default)).IsGranted);
        Assert.True((await other.TryAcquireAsync(Request("free", "B"), default)).IsGranted);
    }

    [Fact]
    public async Task A_directory_that_was_there_before_needs_no_pause()
    {
        MakePlace();
        BrokerServer server = Start(out _, usesGuard: false);
        Assert.False(server.Locks.Pause.IsOn);
        await server.DisposeAsync();
    }

    private void MakePlace() => Directory.CreateDirectory(Place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    private static AcquireRequest Request(string key, string id, bool keep = false) =>
        new(key, id, "test", TimeSpan.FromMinutes(5)) { KeepOnDisconnect = keep };

    private BrokerServer Start(out bool began, bool usesGuard = true)
    {
        var server =
            new BrokerServer(new BrokerServerOptions { Path = SocketPath }, LockProviderContext.Default with { TimeProvider = _time })
        {
            UsesGuard = usesGuard,
        };
        began = server.TryStart();
        if (began)
            _servers.Add(server);
        return server;
    }
}
