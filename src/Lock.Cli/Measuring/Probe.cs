namespace Locking;

/// <summary>What trying a backend out has shown.</summary>
internal sealed class ProbeResult
{
    /// <summary>How long the first question took, with connecting.</summary>
    public TimeSpan Connected { get; set; }

    /// <summary>Asking who holds a key.</summary>
    public Latencies Read { get; } = new();

    /// <summary>Taking a free key and giving it back.</summary>
    public Latencies Cycle { get; } = new();

    /// <summary>What it showed to be unsafe.</summary>
    public List<StoreFinding> Findings { get; } = [];
}

/// <summary>Tries a backend out on a key that nobody else uses.</summary>
internal static class Probe
{
    private const int Rounds = 100;

    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(10);

    /// <summary>Asks and locks a hundred times each, but for no longer than a second each.</summary>
    /// <exception cref="LockStoreException">The backend is not reachable, or fails.</exception>
    public static async Task<ProbeResult> RunAsync(ILock locks, TimeProvider time, CancellationToken stopping)
    {
        var result = new ProbeResult();
        string key = $"lock-doctor:{Guid.NewGuid():N}";
        bool canRead = await ConnectAsync(locks, key, result, time, stopping).ConfigureAwait(false);
        if (canRead)
            await ReadAsync(locks, key, result, time, stopping).ConfigureAwait(false);
        await LockAsync(locks, key, result, time, stopping).ConfigureAwait(false);
        return result;
    }

    /// <summary>Asks for the first time. False for a backend that cannot be asked who holds a key.</summary>
    private static async Task<bool> ConnectAsync(ILock locks, string key, ProbeResult result, TimeProvider time, CancellationToken stopping)
    {
        long began = time.GetTimestamp();
        try
        {
            await locks.GetAsync(key, stopping).ConfigureAwait(false);
            return true;
        }
        catch (LockStoreException exception) when (!exception.IsTransient && !exception.MayHaveBeenApplied)
        {
            // Refused: by a broker that does not know the question, or one that does not let us in. Locking will tell them apart.
            return false;
        }
        catch (LockStoreException exception) when (
            exception.IsTransient && !exception.MayHaveBeenApplied && stopping is { IsCancellationRequested: false })
        {
            // Reached, but it cannot say yet: a broker that waits for the holders of the one before. Anything else is a failure.
            if (locks is not IStoreDiagnostics diagnostics || !await IsWaitingAsync(diagnostics, stopping).ConfigureAwait(false))
                throw;
            return false;
        }
        finally
        {
            result.Connected = time.GetElapsedTime(began);
        }
    }

    private static async Task<bool> IsWaitingAsync(IStoreDiagnostics diagnostics, CancellationToken stopping)
    {
        foreach (StoreFinding finding in await diagnostics.DiagnoseAsync(stopping).ConfigureAwait(false))
        {
            if (finding.Code == "waiting-after-crash")
                return true;
        }

        return false;
    }

    private static async Task ReadAsync(ILock locks, string key, ProbeResult result, TimeProvider time, CancellationToken stopping)
    {
        long began = time.GetTimestamp();
        for (int i = 0; i < Rounds && time.GetElapsedTime(began) < s_longest; i++)
        {
            long asked = time.GetTimestamp();
            await locks.GetAsync(key, stopping).ConfigureAwait(false);
            result.Read.Add(time.GetElapsedTime(asked));
        }
    }

    private static async Task LockAsync(ILock locks, string key, ProbeResult result, TimeProvider time, CancellationToken stopping)
    {
        var options = new LockOptions { Ttl = s_lease, AutoRenew = false };
        long last = 0;
        bool rising = true;
        bool tokens = true;
        bool kept = true;
        long began = time.GetTimestamp();
        for (int i = 0; i < Rounds && time.GetElapsedTime(began) < s_longest; i++)
        {
            long asked = time.GetTimestamp();
            ILockHandle? handle = await locks.TryLockAsync(key, options, stopping).ConfigureAwait(false);
            if (handle is null)
            {
                result.Findings.Add(new StoreFinding("no-grants", true, "The backend did not grant a key that nobody uses; it grants "
                    + "nothing at the moment."));
                break;
            }

            kept &= await handle.UnlockAsync().ConfigureAwait(false) == UnlockOutcome.Released;
            result.Cycle.Add(time.GetElapsedTime(asked));
            tokens &= handle.FencingToken is not null;
            rising &= handle.FencingToken is null || handle.FencingToken > last;
            last = handle.FencingToken ?? last;
        }

        Judge(result, tokens, rising, kept);
    }

    private static void Judge(ProbeResult result, bool tokens, bool rising, bool kept)
    {
        if (!tokens)
        {
            result.Findings.Add(
                new StoreFinding("no-fencing-tokens", true, "The backend gives no fencing tokens: what a holder writes after "
                + "its lease has run out cannot be told from what the next one writes."));
        }

        if (!rising)
        {
            result.Findings.Add(new StoreFinding("tokens-do-not-rise", true, "A later grant of the same key had no higher fencing token: "
                + "something resets the backend's records or its clock."));
        }

        if (!kept)
        {
            result.Findings.Add(
                new StoreFinding("locks-vanish", true, "A lock was gone before it was given back, although its lease had not "
                + "run out: something removes the backend's records."));
        }
    }
}
