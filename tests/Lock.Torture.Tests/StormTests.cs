namespace Locking.Torture.Tests;

/// <summary>The short form of the torture: real processes, a few seconds of faults, the whole specification.</summary>
public class StormTests
{
    [Theory]
    [InlineData("inMemory", "worker-pause,worker-pause-short,worker-starve,worker-collect")]
    [InlineData("broker", "worker-kill,worker-pause,store-kill-twice,store-term-twice,store-clock,network-half")]
    [InlineData("redis", "worker-kill,worker-pause,store-kill,store-stale-snapshot,network-answers-lost,network-break")]
    [InlineData("redis-aof", "worker-clock,store-clock,store-disk-full,store-directory,store-descriptors")]
    [InlineData("redis-sentinel", "worker-kill,sentinel-failover,master-kill")]
    [InlineData("postgres", "worker-kill,worker-pause,store-kill,store-term-twice,store-terminate-sessions,network-answers-lost")]
    [InlineData("etcd", "worker-kill,worker-pause,minority-kill,leader-move,quorum-freeze,store-compact,lease-revoke")]
    public Task A_short_storm_breaks_nothing(string backend, string faults) => RunAsync(backend, faults, "own");

    [Fact]
    public Task A_short_storm_beside_a_foreign_client_breaks_nothing() =>
        RunAsync("redis", "worker-kill,worker-pause,store-freeze", "own,redis-py");

    private static async Task RunAsync(string backend, string faults, string client)
    {
        string folder = Directory.CreateTempSubdirectory("lock-torture-").FullName;
        var options = new StormOptions(backend, Seed: 1, TimeSpan.FromSeconds(6), folder)
        {
            Client = client,
            Workers = 3,
            Keys = 3,
            // Only root can fill a disk of its own.
            Faults = [.. faults.Split(',').Where(static one => one != "store-disk-full" || SmallDisk.Lack is null)],
            // What is tried here is not how busy the machine is.
            Margin = TimeSpan.FromMilliseconds(400),
            Bound = TimeSpan.FromMinutes(1),
        };
        History history = await Storm.RunAsync(options);
        IReadOnlyList<Violation> violations = Specification.Check(history);
        Assert.True(history.Attempts.Count(static one => one.Granted is not null) > 20);
        Assert.Contains(history.Events, static one => one.Kind == EventKind.Fault);
        Assert.True(violations.Count == 0,
            violations.Count == 0
                ? ""
                : $"{Timeline.Of(history, violations[0], TimeSpan.FromMilliseconds(100))}\nThe history is in {folder}.");
        Directory.Delete(folder, recursive: true);
    }
}
