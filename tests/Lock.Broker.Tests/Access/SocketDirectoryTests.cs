using System.Diagnostics;
using System.Runtime.Versioning;

namespace Locking;

[UnsupportedOSPlatform("windows")]
public sealed class SocketDirectoryTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_missing_directory_is_made_for_this_user_alone_and_so_is_the_socket()
    {
        string path = Path.Combine(_root, "deep", "own", "broker.sock");
        await using var server = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.True(server.TryStart());
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(path)!));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void A_directory_that_others_may_enter_is_refused_with_its_name_and_mode()
    {
        File.SetUnixFileMode(_root, (UnixFileMode)0b111_101_101);
        Assert.Contains($"'{_root}'", Refusal(_root).Message);
        Assert.Contains("755", Refusal(_root).Message);
        Assert.Contains("chmod 700", Refusal(_root).Message);
    }

    [Fact]
    public void A_link_is_refused()
    {
        string real = Directory.CreateDirectory(Path.Combine(_root, "real")).FullName;
        string link = Path.Combine(_root, "link");
        Directory.CreateSymbolicLink(link, real);
        Assert.Contains("symbolic link", Refusal(link).Message);
    }

    [Fact]
    public void A_file_in_its_place_is_refused()
    {
        string file = Path.Combine(_root, "file");
        File.WriteAllText(file, "");
        Assert.Contains($"'{file}'", Refusal(file).Message);
    }

    [Fact]
    public void Somebody_elses_directory_is_refused()
    {
        // What belongs to another user is there on every machine: the root directory for a user, one given away for root.
        string foreign = "/";
        if (UnixFiles.UserId == 0)
        {
            foreign = Directory.CreateDirectory(Path.Combine(_root, "foreign"),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
            using var chown = Process.Start("chown", ["65534", foreign]);
            chown.WaitForExit();
            Assert.Equal(0, chown.ExitCode);
        }

        Assert.Contains("belongs to user", Assert.Throws<LockStoreException>(() => SocketDirectory.Check(foreign)).Message);
    }

    [Fact]
    public async Task A_socket_that_a_dead_broker_left_behind_is_replaced_and_a_living_one_is_not()
    {
        string path = Path.Combine(_root, "broker.sock");
        await File.WriteAllTextAsync(path, "");
        await using var first = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.True(first.TryStart());
        await using var second = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.False(second.TryStart());
        await using var store = new BrokerLockStore(new BrokerLockSettings { Path = path });
        Assert.Null(await store.GetAsync("k", default));
    }

    [Fact]
    public async Task A_full_disk_is_a_clear_error_of_the_broker_and_of_those_who_launch_it()
    {
        // A directory in which nothing can be made stands for a full one: the same call fails.
        string path = Path.Combine("/proc/self", "broker.sock");
        await using var server = new BrokerServer(new BrokerServerOptions { Path = path });
        Assert.Contains("/proc/self", Assert.Throws<LockStoreException>(() => server.TryStart()).Message);
        await using var store = new BrokerLockStore(new BrokerLockSettings { Path = path, Launch = true });
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.GetAsync("k", default).AsTask());
        Assert.Contains("/proc/self", refused.Message);
    }

    [Fact]
    public void The_default_path_follows_from_the_user_alone()
    {
        string before = BrokerPaths.DefaultSocket;
        string[] variables = new[] { "TMPDIR", "XDG_RUNTIME_DIR", "HOME" };
        string?[] kept = variables.Select(Environment.GetEnvironmentVariable).ToArray();
        try
        {
            foreach (string? variable in variables)
                Environment.SetEnvironmentVariable(variable, "/elsewhere");
            Assert.Equal(before, BrokerPaths.DefaultSocket);
            Assert.Equal($"/tmp/lock-{UnixFiles.UserId}/broker.sock", before);
        }
        finally
        {
            for (int i = 0; i < variables.Length; i++)
                Environment.SetEnvironmentVariable(variables[i], kept[i]);
        }
    }

    private static LockStoreException Refusal(string directory)
    {
        var server = new BrokerServer(new BrokerServerOptions { Path = Path.Combine(directory, "broker.sock") });
        return Assert.Throws<LockStoreException>(() => server.TryStart());
    }
}
