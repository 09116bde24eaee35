namespace Locking;

/// <summary>The engine: an <see cref="ILock"/> over any <see cref="ILockStore"/>.</summary>
/// <remarks>
/// Waiting, renewal, loss, retries, clean-up and telemetry are here, once; the store does its atomic steps. Owns the store: disposing
/// this disposes it.
/// </remarks>
public sealed class StoreLock : LockBase, IStoreDiagnostics
{
    /// <summary>Disposing gives backends this long to take back what is still held.</summary>
    private static readonly TimeSpan s_disposeLimit = TimeSpan.FromSeconds(2);

    private readonly StoreClient _store;
    private readonly LeaseRegister _leases = new();
    private readonly LeaseReleases _releases;
    private readonly Calls _calls;
    private readonly Grants _grants;
    private readonly StoreLosses _losses;

    /// <summary>Makes locks over a store.</summary>
    /// <param name="store">The store; disposed with this object.</param>
    /// <param name="defaults">How locks are taken unless a call says otherwise; null for the defaults of <see cref="LockOptions"/>.</param>
    /// <param name="ns">The namespace of <see cref="ILock.LockNsAsync"/>, or null.</param>
    /// <param name="context">Clock and logs; null for the system's clock and no logs.</param>
    /// <exception cref="ArgumentException">Two options do not go together.</exception>
    public StoreLock(ILockStore store, LockOptions? defaults = null, string? ns = null, LockProviderContext? context = null)
        : base((store ?? throw new ArgumentNullException(nameof(store))).Type, defaults, ns, context)
    {
        _store = new StoreClient(store, Context.TimeProvider, Logger);
        Turns = new KeyTurns(_store.Alarms);
        _releases = new LeaseReleases(_store, Turns);
        _calls = new Calls(_store, _leases);
        _grants = new Grants(_store, _leases, _releases);
        _losses = new StoreLosses(_store, _calls, _leases);
        _losses.Begin();
    }

    /// <summary>Who of this process contends for which key.</summary>
    internal KeyTurns Turns { get; }

    /// <summary>What the store says about its backend; empty for a store without <see cref="IStoreDiagnostics"/>.</summary>
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return _store.DiagnoseAsync(cancellationToken);
    }

    /// <summary>A call that has not begun.</summary>
    internal Contender NewCall(string key, EffectiveOptions options) => new(_store, Turns, _calls, _grants, key, options);

    private protected override ValueTask<ILockHandle?> AcquireCoreAsync(
        string key, EffectiveOptions options, CancellationToken cancellationToken)
    {
        options.RefuseWithoutValidity();
        RefuseWithoutNotices(options);
        Contender contender = NewCall(key, options);
        ValueTask<ILockHandle?> run = contender.RunAsync(cancellationToken);
        return run.IsCompleted || contender.Limit == Timeout.InfiniteTimeSpan
            ? run
            : new ValueTask<ILockHandle?>(TimedCall.AwaitAsync(_store.Alarms, contender, run.AsTask(), contender.Limit));
    }

    private protected override ValueTask<LockInfo?> GetCoreAsync(string key, CancellationToken cancellationToken) =>
        _store.GetAsync(key, cancellationToken);

    private protected override IAsyncEnumerable<LockInfo> ListCoreAsync(string prefix, CancellationToken cancellationToken) =>
        _store.ListAsync(prefix, cancellationToken);

    private protected override async ValueTask<UnlockOutcome> UnlockCoreAsync(string key, string id, CancellationToken cancellationToken)
    {
        if (_leases.Find(key, id) is { } lease)
            return await lease.UnlockAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        UnlockOutcome outcome = (await _store.TryReleaseAsync(key, id, cancellationToken).ConfigureAwait(false)).ToOutcome();
        if (outcome == UnlockOutcome.Released)
            Turns.Nudge(key);
        return outcome;
    }

    private protected override async ValueTask<bool> TryExtendCoreAsync(
        string key, string id, TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (_leases.Find(key, id) is { } lease)
        {
            try
            {
                return await lease.TryExtendAsync(ttl, cancellationToken).ConfigureAwait(false);
            }
            catch (ObjectDisposedException) when (!IsDisposed)
            {
                return false; // its handle gave it back meanwhile
            }
        }

        return await _store.TryExtendAsync(key, id, ttl, cancellationToken).ConfigureAwait(false) == StoreReply.Done;
    }

    private protected override async ValueTask<bool> ForceUnlockCoreAsync(string key, CancellationToken cancellationToken)
    {
        // Those of now: who is granted the lock from here on may have it because of this call.
        List<Lease> leases = _leases.ToList();
        if (!await _store.ForceReleaseAsync(key, cancellationToken).ConfigureAwait(false))
            return false;
        foreach (Lease lease in leases.Where(lease => lease.Key == key))
            lease.Lose(LostReason.Forced);
        Turns.Nudge(key);
        return true;
    }

    private protected override async ValueTask DisposeCoreAsync()
    {
        // Whatever a store does in its own cancellation, or in its disposal, is not waited for without limit.
        await WithinDisposeLimitAsync(_store.EndWaitsAsync()).ConfigureAwait(false);
        _losses.End();

        // What they may have taken is known, and given back below, when they have left.
        await WithinDisposeLimitAsync(Task.WhenAll(_calls.ToList().Select(static call => call.WhenLeft()))).ConfigureAwait(false);
        List<Task> unlocks = [];
        foreach (Lease lease in _leases.ToList())
        {
            if (lease.Lose(LostReason.LockDisposed) && !lease.KeepOnDisconnect)
                unlocks.Add(lease.UnlockAsync());
        }

        unlocks.Add(_releases.WhenNone());
        await WithinDisposeLimitAsync(Task.WhenAll(unlocks)).ConfigureAwait(false);
        await WithinDisposeLimitAsync(_store.StopAsync()).ConfigureAwait(false);
        await WithinDisposeLimitAsync(_store.DisposeStoreAsync()).ConfigureAwait(false);
    }

    private async Task WithinDisposeLimitAsync(Task task)
    {
        try
        {
            await task.WaitAsync(s_disposeLimit, Context.TimeProvider).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // A backend that does not answer, or fails, must not hold up the end of the program: its locks end with their TTL.
            StoreCalls.Observe(task);
        }
    }

    /// <summary>Whoever asks to be told must not be left to poll.</summary>
    private void RefuseWithoutNotices(EffectiveOptions options)
    {
        if (options.Wait != WaitMode.Notify || _store.CanBeWatched || _store.Waits)
            return;
        throw new ArgumentException(
            $"lockOptions.wait is notify, but the backend {Type} gives no notices. Allowed here: auto or poll.", nameof(options));
    }
}
