using System.Diagnostics;
using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>The real <c>etcdctl lock</c>: the same locks.</summary>
public sealed class InteropTests(EtcdFixture etcd) : IClassFixture<EtcdFixture>
{
    [Theory]
    [InlineData("orders", "lock:orders")]
    [InlineData("myApp:orders/42", "lock:myApp:orders%2F42")]
    [InlineData("100 % \u00e9\n\u65e5", "lock:100%20%25%20\u00e9%0A\u65e5")]
    public async Task Theirs_refuses_ours_and_ours_goes_on_when_theirs_ends(string key, string name)
    {
        await using ILock locks = new StoreLock(etcd.NewStore());
        using Process theirs = etcd.Server.Control("lock", name);
        Assert.StartsWith($"{name}/", await Eventually.DoneAsync(theirs.StandardOutput.ReadLineAsync(), "its lock"),
            StringComparison.Ordinal);
        Assert.Null(await locks.TryLockAsync(key));
        LockInfo info = (await locks.GetAsync(key))!;
        Assert.Equal((key, ""), (info.Key, info.Owner));
        Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
        await LineOfAsync(name, 2);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(0, Kill(theirs.Id, 2));
        ILockHandle handle = await Eventually.DoneAsync(waiting, "our grant");
        Assert.True(handle.FencingToken > info.FencingToken);
        await handle.DisposeAsync();
    }

    [Fact]
    public async Task Ours_refuses_theirs_and_theirs_goes_on_when_ours_ends()
    {
        await using ILock locks = new StoreLock(etcd.NewStore());
        ILockHandle handle = await locks.LockAsync("a/b");
        using Process theirs = etcd.Server.Control("lock", "lock:a%2Fb", "echo", "got it");
        await LineOfAsync("lock:a%2Fb", 2);
        Task<string> said = theirs.StandardOutput.ReadToEndAsync();
        Assert.False(said.IsCompleted);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Equal("got it", (await Eventually.DoneAsync(said, "its end")).Trim());
        await Eventually.DoneAsync(theirs.WaitForExitAsync(), "its end");
    }

    [Fact]
    public async Task Many_of_theirs_and_ours_never_hold_it_at_once()
    {
        string directory = Directory.CreateTempSubdirectory("lock-etcd-").FullName;
        string inside = Path.Combine(directory, "inside"), log = Path.Combine(directory, "log");
        IEnumerable<Task> theirs = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 5; i++)
            {
                string script = $"mkdir '{inside}' && echo theirs >> '{log}' && rmdir '{inside}' || echo overlap >> '{log}'";
                await etcd.Server.ControlAsync("lock", "lock:mixed", "--", "sh", "-c", script);
            }
        }));
        IEnumerable<Task> ours = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            await using ILock locks = new StoreLock(etcd.NewStore());
            for (int i = 0; i < 25; i++)
            {
                await using ILockHandle handle = await locks.LockAsync("mixed");
                Assert.False(Directory.Exists(inside));
                Directory.CreateDirectory(inside);
                await File.AppendAllTextAsync(log, "ours\n");
                Directory.Delete(inside);
            }
        }));
        await Task.WhenAll([.. theirs, .. ours]);
        string[] lines = await File.ReadAllLinesAsync(log);
        Assert.Equal((20, 100, 120),
            (lines.Count(static line => line == "theirs"), lines.Count(static line => line == "ours"), lines.Length));
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Force_ends_theirs_and_leaves_their_lease()
    {
        await using ILock locks = new StoreLock(etcd.NewStore());
        using Process theirs = etcd.Server.Control("lock", "lock:forced");
        string entry = (await Eventually.DoneAsync(theirs.StandardOutput.ReadLineAsync(), "its lock"))!;
        Assert.True(await locks.ForceUnlockAsync("forced"));
        await using ILockHandle? handle = await locks.TryLockAsync("forced");
        Assert.NotNull(handle);
        Assert.DoesNotContain("already expired", await etcd.Server.ControlAsync("lease", "timetolive", entry.Split('/')[1]),
            StringComparison.Ordinal);
        Assert.Equal(0, Kill(theirs.Id, 2));
        await Eventually.DoneAsync(theirs.WaitForExitAsync(), "its end");
    }

    private Task LineOfAsync(string name, int length) => Eventually.TrueAsync(
        async () => (await etcd.Server.ControlAsync("get", "--prefix", "--keys-only", $"{name}/"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Length == length,
        $"{length} in the line");

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
