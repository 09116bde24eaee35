using System.Collections.Concurrent;
using Locking.Conformance;

namespace Locking;

/// <summary>What is done for all callers keeps nothing of the one who came first.</summary>
public sealed class FirstCallerTests
{
    private static readonly AsyncLocal<string?> s_caller = new();

    [Fact]
    public async Task A_probe_of_a_silent_node_runs_without_the_context_of_whoever_noticed_it()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using (RedLockStore first = quorum.NewStore())
            Assert.True((await AskAsync(first)).IsGranted); // a quorum in use
        var time = new Witness();
        RedLockSettings settings = new RedLockSettings
        {
            CommandTimeout = TimeSpan.FromMilliseconds(500),
            Endpoints = [.. quorum.Servers.Select(static server => new RedisLockSettings { Port = server.Port })],
        };
        await using ILockStore store = new RedLockProvider().CreateStore(
            settings, null, LockProviderContext.Default with { TimeProvider = time });
        quorum.Servers[2].Freeze();
        s_caller.Value = "a request's, a tenant's, a trace's";
        await Eventually.TrueAsync(
            async () =>
            {
                await Record.ExceptionAsync(async () => await AskAsync(store));
                return !time.Pauses.IsEmpty;
            },
            "a probe", TimeSpan.FromMinutes(1));
        Assert.All(time.Pauses, static caller => Assert.Equal("", caller));
    }

    private static async Task<AcquireReply> AskAsync(ILockStore store) =>
        await store.TryAcquireAsync(
            new AcquireRequest(Guid.NewGuid().ToString(), Guid.NewGuid().ToString(), "tester", TimeSpan.FromSeconds(30)),
            CancellationToken.None);

    /// <summary>Sees in whose context a probe pauses.</summary>
    private sealed class Witness : TimeProvider
    {
        public ConcurrentQueue<string> Pauses { get; } = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == TimeSpan.FromMilliseconds(200))
                Pauses.Enqueue(s_caller.Value ?? "");
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
