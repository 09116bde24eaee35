using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>An engine over a scripted store, on a fake clock.</summary>
public abstract class EngineTest : IAsyncDisposable
{
    private protected EngineTest()
    {
        Store = new ScriptedStore(Time);
        Locks = new StoreLock(Store, null, "ns", new LockProviderContext(Time, Logs));
    }

    internal TestClock Time { get; } = new();

    internal ScriptedStore Store { get; }

    internal ListLogger Logs { get; } = new();

    internal StoreLock Locks { get; }

    internal static LockStoreException Transient(bool mayHaveBeenApplied = true) =>
        new("no answer", isTransient: true) { MayHaveBeenApplied = mayHaveBeenApplied };

    /// <summary>A lease that is not renewed.</summary>
    internal static LockOptions Fixed(TimeSpan ttl) => new() { Ttl = ttl, AutoRenew = false };

    internal static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    /// <summary>Moves the clock in steps, letting the pool run between them, as renewals need it.</summary>
    internal async Task AdvanceSlowlyAsync(TimeSpan by, TimeSpan step)
    {
        for (TimeSpan gone = TimeSpan.Zero; gone < by; gone += step)
        {
            int before = Store.Extends;
            Time.Advance(step);
            if (Store.Extends == before)
                await Eventually.SettleAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task disposal = Locks.DisposeAsync().AsTask();
        while (!disposal.IsCompleted)
        {
            Time.Advance(Seconds(1));
            await Task.WhenAny(disposal, Task.Delay(20));
        }

        await disposal;
        GC.SuppressFinalize(this);
    }
}
