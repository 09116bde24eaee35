using System.Runtime.InteropServices;

namespace Locking;

/// <summary>A disk that fails while the broker runs: the file's descriptor is exchanged for that of a device that is always full.</summary>
public sealed partial class FailingDiskTests
{
    [Fact]
    public async Task A_state_file_that_cannot_be_written_any_more_is_told_until_all_that_it_missed_is_written()
    {
        var (server, directory) = Start();
        try
        {
            await using var store = new BrokerLockStore(new LockConnection { Path = server.Options.Path });
            Assert.DoesNotContain("no-state-file", await CodesAsync(store));
            using (Fill(server.Options.Path + ".state"))
            {
                Assert.True((await store.TryAcquireAsync(new AcquireRequest("long", "A", "test", TimeSpan.FromHours(1)), default)).IsGranted);
                Assert.Contains("no-state-file", await CodesAsync(store));

                // Needs no write: it must not pass for one that has succeeded.
                Assert.True((await store.TryAcquireAsync(new AcquireRequest("short", "B", "test", TimeSpan.FromMilliseconds(1)), default)).IsGranted);
                Assert.Contains("no-state-file", await CodesAsync(store));
            }

            for (var i = 0; (await CodesAsync(store)).Contains("no-state-file"); i++)
            {
                Assert.True(i < 1000, "It is not written again.");
                await Task.Delay(10);
            }

            // The lease that was granted meanwhile is on record.
            using var next = new StateFile(server.Options.Path + ".state", durable: false, TimeProvider.System);
            Assert.InRange(next.Wait.TotalMinutes, 59, 62);
        }
        finally
        {
            await server.DisposeAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_lease_without_expiry_that_could_not_be_recorded_is_recorded_later()
    {
        var path = Path.Combine(Path.GetTempPath(), $"lock-state-{Guid.NewGuid():N}");
        try
        {
            using (var state = new StateFile(path, durable: false, TimeProvider.System))
            {
                state.Cover(TimeSpan.FromHours(1), 1);
                using (Fill(path))
                    Assert.Throws<IOException>(() => state.Cover(Timeout.InfiniteTimeSpan, 1));
                Assert.True(state.IsBehind);
                state.Cover(Timeout.InfiniteTimeSpan, 1);
                Assert.False(state.IsBehind);
            }

            Assert.Equal("1", (await File.ReadAllTextAsync(path)).Split('\n').Select(static slot => slot.Split(' ')).MaxBy(static f => f.Length > 2 ? long.Parse(f[2]) : 0)![7]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_journal_that_cannot_be_written_any_more_is_told_until_all_that_it_missed_is_written()
    {
        await using var broker = new TestBroker();
        var store = broker.Store();
        await PermanentLeaseTests.KeepAsync(broker, "before", "A");
        await PermanentLeaseTests.KeepAsync(broker, "given back", "B");
        Assert.DoesNotContain("no-state-file", await CodesAsync(store));
        var inTheWay = Directory.CreateDirectory(PermanentLeaseTests.FileOf(broker) + ".new");
        using (Fill(PermanentLeaseTests.FileOf(broker)))
        {
            await PermanentLeaseTests.KeepAsync(broker, "meanwhile", "C");
            Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("given back", "B", default));
            Assert.Contains("no-state-file", await CodesAsync(store));

            // At the least, the next broker waits for who may have such a lease.
            Assert.True(WaitsForPermanent(broker));
        }

        inTheWay.Delete();
        for (var i = 0; (await CodesAsync(store)).Contains("no-state-file"); i++)
        {
            Assert.True(i < 1000, "It is not written again.");
            await Task.Delay(10);
        }

        Assert.Equal(["before", "meanwhile"], PermanentLeaseTests.Journaled(broker));

        // And that is what the state file says with its next writing.
        await store.TryAcquireAsync(new AcquireRequest("long", "A", "test", TimeSpan.FromHours(1)), default);
        Assert.False(WaitsForPermanent(broker));
    }

    [Fact]
    public async Task After_a_crash_with_a_failing_journal_there_is_time_to_come_back_to_what_is_not_in_it()
    {
        await using var broker = new TestBroker();
        await PermanentLeaseTests.KeepAsync(broker, "before", "A");
        Directory.CreateDirectory(PermanentLeaseTests.FileOf(broker) + ".new");
        var store = broker.Store();
        using (Fill(PermanentLeaseTests.FileOf(broker)))
        {
            await store.TryAcquireAsync(PermanentLeaseTests.Request("meanwhile", "B"), default);
            await broker.StopAsync();
        }

        Directory.Delete(PermanentLeaseTests.FileOf(broker) + ".new");
        broker.Start();
        Assert.True(broker.Server.IsWaiting);
        Assert.InRange(broker.Server.WaitLeft.TotalSeconds, 25, 35);
        Assert.Equal("B", (await store.GetAsync("meanwhile", default))!.Id);
        Assert.Equal("A", (await store.GetAsync("before", default))!.Id);
        Assert.Equal(["before", "meanwhile"], PermanentLeaseTests.Journaled(broker));
    }

    [Fact]
    public async Task A_broker_starts_without_room_for_a_new_journal_and_what_is_given_back_then_does_not_return()
    {
        await using var broker = new TestBroker();
        foreach (var key in (string[])["a", "b", "c"])
            await PermanentLeaseTests.KeepAsync(broker, key, "H");
        await broker.Store().TryReleaseAsync("a", "H", default);
        await broker.StopAsync();
        var inTheWay = Directory.CreateDirectory(PermanentLeaseTests.FileOf(broker) + ".new");
        broker.Start();
        var store = broker.Store();
        Assert.Contains("no-state-file", await CodesAsync(store));
        Assert.False((await store.TryAcquireAsync(PermanentLeaseTests.Request("b", "X"), default)).IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("c", "H", default));
        Assert.Equal(["b"], PermanentLeaseTests.Journaled(broker));
        await broker.RestartAsync();
        Assert.Null(await store.GetAsync("c", default));
        inTheWay.Delete();
        for (var i = 0; (await CodesAsync(store)).Contains("no-state-file"); i++)
        {
            Assert.True(i < 1000, "It is not written again.");
            await Task.Delay(10);
        }

        Assert.Equal(["b"], PermanentLeaseTests.Journaled(broker));
    }

    private static bool WaitsForPermanent(TestBroker broker) =>
        File.ReadAllText(broker.Path + ".state").Split('\n').Select(static slot => slot.Split(' ')).MaxBy(static f => f.Length > 2 ? long.Parse(f[2]) : 0)![7] == "1";

    [Fact]
    public async Task A_disk_that_fails_does_not_keep_a_broker_from_its_end()
    {
        var (server, directory) = Start();
        using (Fill(server.Options.Path + ".state"))
            await server.DisposeAsync();
        Assert.True(server.Completion.IsCompletedSuccessfully);
        Assert.False(File.Exists(server.Options.Path));
        Directory.Delete(directory, recursive: true);
    }

    private static (BrokerServer Server, string Directory) Start()
    {
        var directory = Directory.CreateTempSubdirectory("lock-disk-").FullName;
        var server = new BrokerServer(new BrokerServerOptions { Path = Path.Combine(directory, "broker.sock") });
        Assert.True(server.TryStart());
        return (server, directory);
    }

    private static async Task<List<string>> CodesAsync(BrokerLockStore store) =>
        [.. (await store.DiagnoseAsync(default)).Select(static finding => finding.Code)];

    /// <summary>From now on every write of this process to that file fails as on a full disk, until the result is disposed.</summary>
    private static FullDisk Fill(string path)
    {
        var name = Path.GetFullPath(path);
        var file = Directory.EnumerateFiles("/proc/self/fd").First(link => new FileInfo(link).LinkTarget == name);
        return new FullDisk(int.Parse(Path.GetFileName(file)));
    }

    private sealed partial class FullDisk : IDisposable
    {
        private readonly int _file;
        private readonly int _kept;

        public FullDisk(int file)
        {
            _file = file;
            _kept = Duplicate(file);
            using var full = File.OpenHandle("/dev/full", FileMode.Open, FileAccess.Write);
            Assert.Equal(file, Replace((int)full.DangerousGetHandle(), file));
        }

        public void Dispose()
        {
            // A broker that has ended has closed it: its number may be another file's by now.
            if (new FileInfo($"/proc/self/fd/{_file}").LinkTarget == "/dev/full")
                _ = Replace(_kept, _file);
            _ = CloseFile(_kept);
        }

        [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
        private static partial int Duplicate(int file);

        [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
        private static partial int Replace(int file, int by);

        [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
        private static partial int CloseFile(int file);
    }
}
