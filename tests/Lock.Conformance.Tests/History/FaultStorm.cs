using System.Collections.Concurrent;

namespace Locking.Conformance.Tests.History;

/// <summary>Several engines over one backend, many callers, and a network that loses, delays and swallows.
/// Records what holders could rely on.</summary>
internal sealed class FaultStorm(int seed)
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromMilliseconds(80);
    private static readonly string[] s_keys = ["storm/a", "storm/b"];
    private readonly ConcurrentBag<FaultyLockStore> _network = [];
    private volatile bool _calm;
    private int _faults;

    /// <summary>What handles promised to their callers.</summary>
    public LockHistory Handles { get; } = new(TimeProvider.System);

    /// <summary>What the answers of the store allowed the engines to rely on.</summary>
    public LockHistory Answers { get; } = new(TimeProvider.System);

    public int Faults => _faults;

    /// <summary>Runs until enough grants were recorded, then calms the network and waits until every lock can be had again.</summary>
    public async Task RunAsync(Func<ILockStore> backend, int grants, bool useAbilities)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var locks = Enumerable.Range(0, 3).Select(i => NewLocks(backend, seed + i, useAbilities)).ToList();
        using var stopPost = new CancellationTokenSource();
        var postman = Task.Run(() => DeliverAsync(stopPost.Token));
        var callers = locks.SelectMany((each, i) =>
            Enumerable.Range(0, 3).Select(j => Task.Run(() => CallAsync(each, new Random(seed + (10 * i) + j), stop.Token)))).ToList();
        await Eventually.TrueAsync(() => Handles.Grants >= grants || stop.IsCancellationRequested, $"{grants} grants",
            TimeSpan.FromSeconds(40));
        await stop.CancelAsync();
        await Eventually.DoneAsync(Task.WhenAll(callers), "the callers' end");
        await stopPost.CancelAsync();
        await Eventually.DoneAsync(postman, "the postman's end");
        _calm = true;
        foreach (FaultyLockStore network in _network)
        {
            network.DeliverLateReplies();
            await network.DeliverLateRequestsAsync();
        }

        foreach (string key in s_keys)
            await (await Eventually.DoneAsync(locks[0].LockAsync(key).AsTask(), $"'{key}' can be had again")).DisposeAsync();
        foreach (StoreLock? each in locks)
            await each.DisposeAsync();
    }

    private StoreLock NewLocks(Func<ILockStore> backend, int seedOfNetwork, bool useAbilities)
    {
        var network = FaultyLockStore.Over(useAbilities ? backend() : new PlainStore(backend()));
        var random = new Random(seedOfNetwork);
        network.Policy = call => _calm || call.Step is StoreStep.Get or StoreStep.List ? null : Roll(random);
        _network.Add(network);
        var options = new LockOptions
        {
            Ttl = s_ttl,
            RetryDelay = TimeSpan.FromMilliseconds(5),
            RetryJitter = TimeSpan.FromMilliseconds(5),
            ReleaseTimeout = TimeSpan.FromMilliseconds(200),
        };
        return new StoreLock(RecordingLockStore.Over(network, Answers), options);
    }

    private StoreFault? Roll(Random random)
    {
        int roll;
        lock (random)
            roll = random.Next(100);
        StoreFault? fault = roll switch
        {
            < 4 => StoreFault.LostRequest,
            < 8 => StoreFault.LateRequest,
            < 14 => StoreFault.LostReply,
            < 18 => StoreFault.LateReply,
            < 19 => StoreFault.Refused(isTransient: true),
            _ => null,
        };
        if (fault is not null)
            Interlocked.Increment(ref _faults);
        return fault;
    }

    private async Task DeliverAsync(CancellationToken stop)
    {
        var random = new Random(seed);
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(random.Next(5, 60), CancellationToken.None);
            foreach (FaultyLockStore network in _network)
            {
                network.DeliverLateReplies();
                await network.DeliverLateRequestsAsync();
            }
        }
    }

    private async Task CallAsync(StoreLock locks, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            string key = s_keys[random.Next(s_keys.Length)];
            LockOptions? options = random.Next(3) == 0 ? new LockOptions { AutoRenew = false } : null; // a fixed lease, or a renewed one
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
            try
            {
                ILockHandle handle = await locks.LockAsync(key, options, patience.Token);
                await HoldAsync(handle, random);
            }
            catch (Exception fault) when (fault is OperationCanceledException or LockStoreException)
            {
                // Not granted: nothing was promised.
            }
        }
    }

    private async Task HoldAsync(ILockHandle handle, Random random)
    {
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            Handles.Promised(handle);
            await Task.Delay(random.Next(0, 40), CancellationToken.None);
        }

        if (random.Next(4) == 0)
        {
            try
            {
                await handle.TryExtendAsync(s_ttl);
            }
            catch (LockStoreException)
            {
                // The old validity stands.
            }
        }

        Handles.Promised(handle);
        if (random.Next(5) == 0)
        {
            // A holder that crashed: it goes on relying on its lease to the end, and gives nothing back.
            while (handle.Remaining > TimeSpan.Zero && handle.LostReason is null && random.Next(20) != 0)
            {
                Handles.Promised(handle);
                await Task.Delay(10, CancellationToken.None);
            }
        }

        Handles.Ends(handle.Key, handle.Id, Handles.Now);
        await handle.UnlockAsync();
    }

    /// <summary>A store without optional abilities, so that the engine polls.</summary>
    private sealed class PlainStore(ILockStore inner) : DelegatingLockStore(inner);
}
