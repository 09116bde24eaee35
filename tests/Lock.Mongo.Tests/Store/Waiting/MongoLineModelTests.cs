using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>Waiters that come, ask, hold, give up, die and stand still at random, on a clock that a test advances: never two holders,
/// tokens rise, everybody who goes on asking is served, and nothing is left of those who do not.</summary>
public sealed class MongoLineModelTests(MongoServer server) : IClassFixture<MongoServer>
{
    private const int Steps = 250;
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(2);

    public static TheoryData<int> Seeds =>
        [.. Enumerable.Range(0, Many.Of("LOCK_TEST_SEEDS", usual: 8)).Select(i => 20261126 + (7919 * i))];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Turns_are_given_to_one_at_a_time_and_to_everybody(int seed)
    {
        FakeTimeProvider time = new(MongoServer.LaterThanAnyPurge);
        await using MongoGateway gateway = server.StartGateway();
        gateway.Clock = time;
        await using TestStore store = new(gateway.Uri);
        Random random = new(seed);
        List<Waiter> waiters = [];
        Waiter? holder = null;
        long lastToken = 0;

        for (int step = 0; step < Steps; step++)
        {
            time.Advance(TimeSpan.FromMilliseconds(random.Next(0, 150)));
            Waiter? one = waiters.Count == 0 ? null : waiters[random.Next(waiters.Count)];
            switch (random.Next(12))
            {
                case 0 or 1 when waiters.Count < 8:
                    waiters.Add(new Waiter());
                    break;
                case 2 when one is not null: // gives up, or gives back
                    await GiveBackAsync(one);
                    waiters.Remove(one);
                    break;
                case 3 when one is not null && random.Next(3) == 0: // dies: nobody hears of it any more
                    waiters.Remove(one);
                    break;
                case 4 when random.Next(5) == 0: // everybody stands still
                    time.Advance(TimeSpan.FromSeconds(random.Next(1, 5)));
                    break;
                case 5:
                    await AskAsync(new Waiter(queues: false)); // who comes by; what it is granted ends by itself
                    break;
                default:
                    if (one is not null && one != holder)
                        await AskAsync(one);
                    else if (holder is not null && waiters.Contains(holder))
                        await GiveBackAsync(holder, waiters);
                    break;
            }
        }

        // Who is left goes on asking, holds the lock for a moment, and is done.
        for (int round = 0; waiters.Count > 0; round++)
        {
            Assert.True(round < 200, $"{waiters.Count} waiters are not served (seed {seed})");
            time.Advance(TimeSpan.FromMilliseconds(100));
            foreach (Waiter waiter in waiters.ToList())
            {
                if (waiter == holder || await AskAsync(waiter))
                    await GiveBackAsync(waiter, waiters);
            }
        }

        // Whoever was there and is not any more has left nothing behind that the next one does not put away.
        time.Advance(s_ttl + MongoLine.Silence);
        Waiter last = new();
        Assert.True(await AskAsync(last));
        await GiveBackAsync(last);
        Assert.False((await store.DocumentAsync("k"))!.Contains("line"), $"a line is left (seed {seed})");

        async Task<bool> AskAsync(Waiter waiter)
        {
            AcquireReply reply = await store.Store.TryAcquireAsync(waiter.Request, default);
            if (!reply.IsGranted)
                return false;
            bool isAnew = holder != waiter;
            Assert.True(!isAnew || holder is null || holder.Until <= time.GetUtcNow(), $"two holders (seed {seed})");
            Assert.True(isAnew ? reply.FencingToken > lastToken : reply.FencingToken >= lastToken, $"a token fell (seed {seed})");
            (holder, lastToken) = (waiter, reply.FencingToken!.Value);
            waiter.Until = time.GetUtcNow() + s_ttl;
            return true;
        }

        async Task GiveBackAsync(Waiter waiter, List<Waiter>? leaves = null)
        {
            StoreReply reply = await store.ReleaseAsync("k", waiter.Request.HolderId);
            bool isHolder = holder == waiter && waiter.Until > time.GetUtcNow();
            Assert.True(!isHolder || reply == StoreReply.Done, $"a holder was not known (seed {seed})");
            if (holder == waiter)
                holder = null;
            leaves?.Remove(waiter);
        }
    }

    private sealed class Waiter(bool queues = true)
    {
        public AcquireRequest Request { get; } = new("k", TestStore.NewId(), "model", s_ttl) { Queue = queues };

        /// <summary>So long it believes that it holds the lock.</summary>
        public DateTimeOffset Until { get; set; }
    }
}
