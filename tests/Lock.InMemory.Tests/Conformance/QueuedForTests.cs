using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests;

public sealed class QueuedForTests
{
    [Fact]
    public async Task A_holder_that_asks_again_while_it_waits_is_told_the_time_since_it_asked_again()
    {
        var time = new FakeTimeProvider();
        await using var store = new InMemoryLockStore(time);
        await store.TryAcquireAsync(Request("holder"), default);
        Task<AcquireReply> lost = store.AcquireAsync(Request("waiter"), Timeout.InfiniteTimeSpan, default).AsTask();
        time.Advance(TimeSpan.FromSeconds(5));
        Task<AcquireReply> again = store.AcquireAsync(Request("waiter"), Timeout.InfiniteTimeSpan, default).AsTask();
        time.Advance(TimeSpan.FromSeconds(1));
        await store.TryReleaseAsync("k", "holder", default);

        // Counted from the first request it would be 6 s, and the lease believed to last 5 s longer than it does.
        Assert.Equal(TimeSpan.FromSeconds(1), (await Eventually.DoneAsync(again, "granted")).QueuedFor);
        Assert.Equal(TimeSpan.FromSeconds(6), (await Eventually.DoneAsync(lost, "granted")).QueuedFor);
    }

    private static AcquireRequest Request(string id) => new("k", id, "owner", TimeSpan.FromSeconds(30));
}
