using System.Net;
using System.Net.Sockets;

namespace Locking.Fuzz;

/// <summary>Hostile lines against a broker in this process: no crash, no wrong grant, no growth beyond an allowance.</summary>
/// <remarks>
/// Some keys are held for the whole run, and the hostile lines ask for them in order; an honest client compares every answer with a model
/// meanwhile. After each part of the run all that hostile clients left behind is broken by force, and the heap may not have grown.
/// </remarks>
internal static class FuzzRun
{
    private const int Parts = 10;
    private const int Hostile = 4;
    private const long Allowance = 1024 * 1024;

    /// <summary>The broker drops within this time what clients that are gone have left behind.</summary>
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(2);

    /// <summary>Runs.</summary>
    /// <param name="lines">How many lines, over all hostile clients.</param>
    /// <param name="seed">Makes the same lines again.</param>
    /// <param name="say">Hears how it goes.</param>
    /// <exception cref="InvalidOperationException">Something went wrong; the message says what, and the seed is the caller's.</exception>
    public static async Task RunAsync(long lines, int seed, Action<string> say)
    {
        int unobserved = 0;
        TaskScheduler.UnobservedTaskException += (_, _) => Interlocked.Increment(ref unobserved);
        string directory = Directory.CreateTempSubdirectory("lock-fuzz-").FullName;
        try
        {
            string path = Path.Combine(directory, "broker.sock");
            await using var server = new BrokerServer(new BrokerServerOptions { Path = path, Host = "127.0.0.1", Port = 0 });
            if (!server.TryStart())
                throw new InvalidOperationException("The broker did not start.");
            await using var pinner = new BrokerLockStore(new BrokerLockSettings { Path = path });
            Dictionary<string, (string Id, long Token)> pinned = await PinAsync(pinner);
            long baseline = 0L;
            for (int part = 0; part < Parts; part++)
            {
                string hostile = await PartAsync(server, path, lines / Parts, seed + (part * 1000), say);
                await ClearAsync(pinner, pinned);
                await WhileConnectedAsync(server, 1);
                await Task.Delay(s_settling, TimeProvider.System);
                GC.Collect();
                GC.WaitForPendingFinalizers();
                long heap = GC.GetTotalMemory(forceFullCollection: true);
                say($"part {part + 1} of {Parts}: {hostile}, heap {heap / 1024} KiB");

                // The first parts fill pools and tables that stay.
                if (part == 1)
                    baseline = heap;
                else if (part > 1 && heap > baseline + Allowance)
                    throw new InvalidOperationException($"The heap grew from {baseline} to {heap} bytes.");
                if (unobserved > 0)
                    throw new InvalidOperationException($"{unobserved} exceptions were observed by nobody.");
            }

            await CheckPinnedAsync(pinner, pinned);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<string> PartAsync(BrokerServer server, string path, long lines, int seed, Action<string> say)
    {
        using var stop = new CancellationTokenSource();
        await using var store = new BrokerLockStore(new BrokerLockSettings { Path = path });
        var honest = new HonestClient(store, seed);
        Task honestRun = honest.RunAsync(stop.Token);
        var clients = Enumerable.Range(0, Hostile).Select(i => new HostileClient(i % 2 == 0 ? Tcp : Unix, seed + i)).ToList();
        try
        {
            List<Task> runs = clients.ConvertAll(client => Task.Run(() => client.RunAsync(lines / Hostile)));
            await await Task.WhenAny(Task.WhenAll(runs), honestRun);
            if (honestRun.IsCompleted)
                await honestRun;
        }
        finally
        {
            await stop.CancelAsync();
        }

        await honestRun;
        if (clients.Sum(client => client.WrongGrants) is > 0 and var wrong)
            throw new InvalidOperationException($"{wrong} grants of keys that somebody else held.");
        return $"{lines} lines, {clients.Sum(client => client.Answers)} answers, {clients.Sum(client => client.Grants)} grants, "
            + $"{clients.Sum(client => client.Cut)} connections cut, {honest.Steps} steps compared with the model";

        Socket Tcp()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(new IPEndPoint(IPAddress.Loopback, server.Port));
            return socket;
        }

        Socket Unix()
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return socket;
        }
    }

    private static async Task<Dictionary<string, (string Id, long Token)>> PinAsync(BrokerLockStore store)
    {
        var pinned = new Dictionary<string, (string Id, long Token)>();
        for (int i = 0; i < 8; i++)
        {
            var request = new AcquireRequest($"{FuzzLines.Pinned}{i}", Guid.NewGuid().ToString(), "fuzz", TimeSpan.FromDays(1));
            AcquireReply reply = await store.TryAcquireAsync(request, default);
            pinned.Add(request.Key, (request.HolderId, reply.FencingToken!.Value));
        }

        return pinned;
    }

    private static async Task CheckPinnedAsync(BrokerLockStore store, Dictionary<string, (string Id, long Token)> pinned)
    {
        foreach ((string key, (string Id, long Token) holder) in pinned)
        {
            LockInfo? info = await store.GetAsync(key, default);
            if (info?.Id != holder.Id || info.FencingToken != holder.Token || info.Remaining < TimeSpan.FromHours(1))
                throw new InvalidOperationException($"{key} was held by {holder}, and is now {info?.ToString() ?? "free"}.");
        }
    }

    /// <summary>Breaks what hostile clients asked to keep, until only the pinned keys are there.</summary>
    private static async Task ClearAsync(BrokerLockStore store, Dictionary<string, (string Id, long Token)> pinned)
    {
        await CheckPinnedAsync(store, pinned);
        for (int attempt = 0; ; attempt++)
        {
            var foreign = new List<string>();
            await foreach (LockInfo info in store.ListAsync("", default))
            {
                if (!pinned.ContainsKey(info.Key))
                    foreign.Add(info.Key);
            }

            if (foreign.Count == 0)
                return;
            if (attempt == 1000)
                throw new InvalidOperationException(
                    $"{foreign.Count} locks of clients that are gone cannot be broken: {string.Join(", ", foreign.Take(5))}.");
            foreach (string key in foreign)
                await store.ForceReleaseAsync(key, default);
        }
    }

    private static async Task WhileConnectedAsync(BrokerServer server, int expected)
    {
        for (int i = 0; server.ConnectionCount > expected; i++)
        {
            if (i == 1000)
                throw new InvalidOperationException($"{server.ConnectionCount} connections where {expected} should be left.");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }
}
