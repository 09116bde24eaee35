namespace Locking.Conformance;

/// <summary>The guarantees of <see cref="ILock"/> and <see cref="ILockHandle"/>,
/// one fact or more for each (numbers as in docs/guarantees.md).</summary>
/// <remarks>
/// Every backend derives one class. In real time a renewed lease must outlive pauses of a busy machine: facts that depend on it go
/// through <see cref="ConformanceSuite.TimelyAsync"/>.
/// </remarks>
public abstract partial class LockConformance : ConformanceSuite
{
    private ILock? _locks;

    /// <summary>Whether a lock may be without expiry. Without: refused with an <see cref="ArgumentException"/>. Default true.</summary>
    protected virtual bool SupportsNoExpiry => true;

    /// <summary>Whether grants carry fencing tokens. Without: null. Default true.</summary>
    protected virtual bool IssuesFencingTokens => true;

    /// <summary>Whether the owner is kept and shown by <see cref="ILock.GetAsync"/>. Without: empty. Default true.</summary>
    protected virtual bool KeepsOwner => true;

    /// <summary>What a holder may not rely on of a lease, since the backend's clock may run at another rate: 1 % and 2 ms, as the engine
    /// allows by default. Zero where the lease is counted on the holder's own clock.</summary>
    protected virtual TimeSpan DriftOf(TimeSpan ttl) => (ttl * 0.01) + TimeSpan.FromMilliseconds(2);

    /// <summary>The locks most facts use; made at the first use, with <see cref="ConformanceSuite.LongTtl"/>.</summary>
    protected ILock Locks => _locks ??= NewLocks();

    /// <inheritdoc/>
    protected override TimeSpan ShortTtl => TimeSpan.FromMilliseconds(700);

    /// <summary>Makes locks: a new instance at each call, as another process would have one, over the same backend.</summary>
    /// <param name="defaults">The options of the configuration, or null.</param>
    /// <param name="ns">The namespace, or null.</param>
    protected abstract ILock CreateLock(LockOptions? defaults, string? ns);

    /// <summary>Another instance, disposed when the test ends.</summary>
    protected ILock NewLocks(LockOptions? defaults = null, string? ns = null) =>
        Track(CreateLock(defaults ?? new LockOptions { Ttl = LongTtl }, ns));

    /// <inheritdoc/>
    protected override async Task AskBackendAsync()
    {
        ILock locks = CreateLock(new LockOptions { Ttl = LongTtl }, null);
        await using (locks.ConfigureAwait(false))
            await locks.GetAsync(NewKey()).ConfigureAwait(false);
    }

    /// <summary>Options of a call: a fixed lease.</summary>
    private static LockOptions Fixed(TimeSpan ttl) => new() { Ttl = ttl, AutoRenew = false };

    /// <summary>Options of a call that does not wait.</summary>
    private static LockOptions AtOnce { get; } = new() { WaitTimeout = TimeSpan.Zero };

    private static async Task<ILockHandle> TakeAsync(ILock locks, string key, LockOptions? options = null)
    {
        long asked = TimeProvider.System.GetTimestamp();
        ILockHandle? handle;
        try
        {
            handle = await locks.TryLockAsync(key, options);
        }
        catch (LockStoreException) when (options?.Ttl is { } ttl && TimeProvider.System.GetElapsedTime(asked) > ttl * 0.9)
        {
            // On a machine that is busy with something else the first answer may take longer than the lease: then it counts as not granted
            // (L48).
            handle = await locks.TryLockAsync(key, options with { WaitTimeout = Eventually.Patience });
        }

        Assert.NotNull(handle);
        return handle;
    }

    private static async Task AssertBusyAsync(ILock locks, string key) => Assert.Null(await locks.TryLockAsync(key));

    /// <summary>Waits, moving the clock where it is a fake one, until a condition holds that only needs time to pass.</summary>
    private async Task AfterTimeAsync(Func<bool> condition, TimeSpan atMost, string what)
    {
        // The limit is in real time, also on a fake clock: a busy machine may need long for what a clock passes in a moment.
        long since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            await Eventually.SettleAsync();
            if (condition())
                return;
            Assert.True(TimeProvider.System.GetElapsedTime(since) <= atMost + Eventually.Patience, $"did not happen in time: {what}");
            await AdvanceAsync(atMost / 20);
        }
    }

    private async Task<T> AfterTimeAsync<T>(Task<T> task, TimeSpan atMost, string what)
    {
        await AfterTimeAsync(() => task.IsCompleted, atMost, what);
        return await task;
    }

    private void AssertRises(ILockHandle earlier, ILockHandle later)
    {
        if (IssuesFencingTokens)
            Assert.True(later.FencingToken > earlier.FencingToken,
                $"the token must rise: {later.FencingToken} came after {earlier.FencingToken}");
    }
}
