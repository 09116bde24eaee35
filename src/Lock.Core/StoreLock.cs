using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>The engine: an <see cref="ILock"/> over any <see cref="ILockStore"/>.</summary>
/// <remarks>
/// Waiting, renewal, loss, retries, clean-up and telemetry are here, once; the store does its atomic steps. Owns the store: disposing
/// this disposes it.
/// </remarks>
public sealed class StoreLock : LockBase, IStoreDiagnostics
{
    /// <summary>Disposing gives backends this long to take back what is still held.</summary>
    private static readonly TimeSpan DisposeLimit = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Lease> _leases = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _disposing = new();
    private readonly CancellationTokenSource _stopped = new();
    private long _lastAnswer;

    /// <summary>Makes locks over a store.</summary>
    /// <param name="store">The store; disposed with this object.</param>
    /// <param name="defaults">How locks are taken unless a call says otherwise; null for the defaults of <see cref="LockOptions"/>.</param>
    /// <param name="ns">The namespace of <see cref="ILock.LockNsAsync"/>, or null.</param>
    /// <param name="context">Clock and logs; null for the system's clock and no logs.</param>
    /// <exception cref="ArgumentException">Two options do not go together.</exception>
    public StoreLock(ILockStore store, LockOptions? defaults = null, string? ns = null, LockProviderContext? context = null)
        : base((store ?? throw new ArgumentNullException(nameof(store))).Type, defaults, ns, context)
    {
        Store = store;
        Signal = store as IReleaseSignal;
        Waiting = store as IWaitingStore;
        IsQueueing = store is IQueueingStore { IsQueueing: true };
        Clock = new LeaseClock(Context.TimeProvider);
        Alarms = AlarmClock.For(Context.TimeProvider);
        Turns = new KeyTurns(Alarms);
        Pending = new PendingReleases(this);
        Outage = new Outage(this);
        SelfWaits = new SelfWaits(this);
        _lastAnswer = long.MinValue;
        if (store is ILossSignal losses)
            losses.LeaseLost += OnStoreLoss;
    }

    internal ILockStore Store { get; }

    internal IReleaseSignal? Signal { get; }

    internal IWaitingStore? Waiting { get; }

    internal bool IsQueueing { get; }

    internal LeaseClock Clock { get; }

    internal AlarmClock Alarms { get; }

    internal KeyTurns Turns { get; }

    internal Contenders Contenders { get; } = new();

    internal PendingReleases Pending { get; }

    internal ReleasesUnderWay Releases { get; } = new();

    internal Outage Outage { get; }

    internal SelfWaits SelfWaits { get; }

    /// <summary>Cancelled when this object is being disposed: waits end.</summary>
    internal CancellationToken Disposing => _disposing.Token;

    /// <summary>Cancelled when the disposal is over: background work ends.</summary>
    internal CancellationToken Stopped => _stopped.Token;

    /// <summary>What the store says about its backend; empty for a store without <see cref="IStoreDiagnostics"/>.</summary>
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return Store is IStoreDiagnostics diagnostics
            ? StoreCalls.AwaitAsync(static (store, token) => store.DiagnoseAsync(token), diagnostics, Type, null, cancellationToken)
            : ValueTask.FromResult<IReadOnlyList<StoreFinding>>([]);
    }

    private protected override ValueTask<ILockHandle?> AcquireCoreAsync(
        string key, EffectiveOptions options, CancellationToken cancellationToken)
    {
        RefuseWithoutValidity(options);
        RefuseWithoutNotices(options);

        var contender = new Contender(this, key, options);
        var run = contender.RunAsync(cancellationToken);
        return run.IsCompleted || contender.Limit == Timeout.InfiniteTimeSpan
            ? run
            : new ValueTask<ILockHandle?>(TimedCall.AwaitAsync(this, contender, run.AsTask(), contender.Limit));
    }

    private protected override ValueTask<LockInfo?> GetCoreAsync(string key, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(static (a, token) => a.Store.GetAsync(a.Key, token), (Store, Key: key), Type, null, cancellationToken);

    private protected override async IAsyncEnumerable<LockInfo> ListCoreAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var infos = Store.ListAsync(prefix, cancellationToken).GetAsyncEnumerator(cancellationToken);
        var abandoned = new AbandonedMove();
        try
        {
            while (await StoreCalls.AwaitAsync(
                static (enumerator, _) => enumerator.MoveNextAsync(), infos, Type, abandoned, cancellationToken).ConfigureAwait(false))
            {
                yield return infos.Current;
            }
        }
        finally
        {
            if (abandoned.Step is null)
                await infos.DisposeAsync().ConfigureAwait(false);
            else
                _ = EndAsync(infos, abandoned.Step); // an enumerator must not be disposed while it moves
        }

        static async Task EndAsync(IAsyncEnumerator<LockInfo> infos, Task step)
        {
            await step.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await infos.DisposeAsync().ConfigureAwait(false);
        }
    }

    private protected override async ValueTask<UnlockOutcome> UnlockCoreAsync(string key, string id, CancellationToken cancellationToken)
    {
        if (OwnLease(key, id) is { } lease)
            return await lease.UnlockAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        var outcome = Outcome(await TryReleaseOnceAsync(key, id, cancellationToken).ConfigureAwait(false));
        if (outcome == UnlockOutcome.Released)
            Turns.Nudge(key);
        return outcome;
    }

    private protected override async ValueTask<bool> TryExtendCoreAsync(
        string key, string id, TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (OwnLease(key, id) is { } lease)
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

        return await TryExtendOnceAsync(key, id, ttl, cancellationToken).ConfigureAwait(false) == StoreReply.Done;
    }

    private protected override async ValueTask<bool> ForceUnlockCoreAsync(string key, CancellationToken cancellationToken)
    {
        // Those of now: who is granted the lock from here on may have it because of this call.
        var leases = _leases.Values.Where(lease => lease.Key == key).ToList();
        bool done;
        if (Store is IForceReleaseStore force)
        {
            done = await StoreCalls.AwaitAsync(
                static (a, token) => a.Force.ForceReleaseAsync(a.Key, token), (Force: force, Key: key), Type, null, cancellationToken)
                .ConfigureAwait(false);
        }
        else
        {
            var holder = await GetCoreAsync(key, cancellationToken).ConfigureAwait(false);
            done = holder is not null
                && await TryReleaseOnceAsync(key, holder.Id, cancellationToken).ConfigureAwait(false) == StoreReply.Done;
        }

        if (!done)
            return false;
        foreach (var lease in leases)
            lease.Lose(LostReason.Forced);
        Turns.Nudge(key);
        return true;
    }

    private protected override async ValueTask DisposeCoreAsync()
    {
        // Whatever a store does in its own cancellation, or in its disposal, is not waited for without limit.
        await WithinDisposeLimitAsync(_disposing.CancelAsync()).ConfigureAwait(false);
        if (Store is ILossSignal losses)
            losses.LeaseLost -= OnStoreLoss;

        // What they may have taken is known, and given back below, when they have left.
        await WithinDisposeLimitAsync(Task.WhenAll(Contenders.ToList().Select(static contender => contender.WhenLeft()))).ConfigureAwait(false);
        var unlocks = new List<Task>();
        foreach (var lease in _leases.Values)
        {
            if (lease.Lose(LostReason.LockDisposed) && !lease.KeepOnDisconnect)
                unlocks.Add(lease.UnlockAsync());
        }

        unlocks.Add(Pending.WhenAll());
        unlocks.Add(Releases.WhenNone());
        await WithinDisposeLimitAsync(Task.WhenAll(unlocks)).ConfigureAwait(false);
        await WithinDisposeLimitAsync(_stopped.CancelAsync()).ConfigureAwait(false);
        await WithinDisposeLimitAsync(DetachedFlow.Start(() => Task.Run(async () => await Store.DisposeAsync().ConfigureAwait(false)))).ConfigureAwait(false);
    }

    /// <summary>Puts a new lease into the register, where losses find it.</summary>
    internal void Register(Lease lease) => _leases[lease.Id] = lease;

    /// <summary>Starts a lease that is in the register.</summary>
    /// <exception cref="ObjectDisposedException">The engine was disposed meanwhile; the lease is given back.</exception>
    internal void Adopt(Lease lease, long now)
    {
        lease.Start(now);
        if (!IsDisposed)
            return;
        // The disposal may have looked at the register before the lease was in it.
        lease.Lose(LostReason.LockDisposed);
        _ = lease.UnlockAsync();
        ObjectDisposedException.ThrowIf(true, this);
    }

    internal void Forget(Lease lease) => _leases.TryRemove(lease.Id, out _);

    /// <summary>Reports a loss, on the pool: logs and metrics are other people's code, and the alarm clock's thread must not wait for it.</summary>
    internal void OnLost(Lease lease, LostReason reason, TimeSpan heldFor, TimeSpan late) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static loss =>
            {
                LockTelemetry.Lost(loss.Engine.Type, loss.Reason, loss.Late);
                LockTelemetry.Held(loss.Engine.Type, loss.HeldFor);
                if (loss.Reason != LostReason.LockDisposed && loss.Engine.Outage.TellsLoss())
                    Log.Lost(loss.Engine.Logger, loss.Lease.Key, loss.Lease.Id, loss.Reason);
                else
                    Log.LostQuietly(loss.Engine.Logger, loss.Lease.Key, loss.Lease.Id, loss.Reason);
            },
            (Engine: this, Lease: lease, Reason: reason, HeldFor: heldFor, Late: late),
            preferLocal: false);

    /// <summary>Who of this object holds a key, in words; null when nobody does.</summary>
    internal string? OwnHolder(string key)
    {
        foreach (var (_, lease) in _leases)
        {
            if (lease.Key == key && lease.Describe() is { } held)
                return held;
        }

        return null;
    }

    /// <summary>The backend has answered somebody.</summary>
    internal void Answered(long now)
    {
        Volatile.Write(ref _lastAnswer, now);
        Outage.Answered();
    }

    /// <summary>Whether the backend has answered anybody within this time.</summary>
    internal bool HasAnsweredSince(TimeSpan ago)
    {
        var last = Volatile.Read(ref _lastAnswer);
        return last != long.MinValue && Clock.Time.GetElapsedTime(last) <= ago;
    }

    internal void StoreFailed(string step, string key, string id, Exception exception)
    {
        LockTelemetry.StoreFailed(Type, step, (exception.InnerException ?? exception).GetType().Name);
        Outage.Failed(step, key, id, exception.Message);
    }

    /// <summary>One extend for a lease.</summary>
    internal async ValueTask<StoreReply> ExtendAsync(Lease lease, TimeSpan ttl, CancellationToken cancellationToken)
    {
        var reply = await TryExtendOnceAsync(lease.Key, lease.Id, ttl, cancellationToken).ConfigureAwait(false);
        Answered(Clock.Now);
        return reply;
    }

    internal ValueTask<StoreReply> TryExtendOnceAsync(string key, string id, TimeSpan ttl, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a.Store.TryExtendAsync(a.Key, a.Id, a.Ttl, token),
            (Store, Key: key, Id: id, Ttl: ttl), Type, null, cancellationToken);

    internal ValueTask<StoreReply> TryReleaseOnceAsync(string key, string id, CancellationToken cancellationToken, StepLimit limit = default) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a.Store.TryReleaseAsync(a.Key, a.Id, token),
            (Store, Key: key, Id: id), Type, null, cancellationToken, limit);

    /// <summary>Gives a lease back, asking again while the backend does not answer. Never throws.</summary>
    internal async Task<UnlockOutcome> ReleaseAsync(Lease lease, bool wasLive, TimeSpan limit)
    {
        var stepLimit = StepLimit.In(Alarms, limit);
        UnlockOutcome? outcome = null;
        Releases.Begin();
        try
        {
            var unanswered = false;
            var pause = TimeSpan.FromMilliseconds(50);
            do
            {
                try
                {
                    outcome = Outcome(await TryReleaseOnceAsync(lease.Key, lease.Id, CancellationToken.None, stepLimit).ConfigureAwait(false));
                    Outage.Answered();
                    Turns.Nudge(lease.Key);
                    if (unanswered && outcome != UnlockOutcome.Released)
                    {
                        // The unanswered request may have done it, and must have while the lease would still last.
                        outcome = wasLive && lease.IsWithinValidity ? UnlockOutcome.Released : UnlockOutcome.Unknown;
                    }

                    Log.Released(Logger, lease.Key, lease.Id, outcome.Value);
                    return outcome.Value;
                }
                catch (LockStoreException exception)
                {
                    unanswered |= exception.MayHaveBeenApplied;
                    StoreFailed("release", lease.Key, lease.Id, exception);
                    if (!exception.IsTransient)
                        break;
                }

                await Task.Delay(TimerSpan.For(stepLimit.Within(pause)), Clock.Time).ConfigureAwait(false);
                pause = pause * 2 < TimeSpan.FromSeconds(1) ? pause * 2 : TimeSpan.FromSeconds(1);
            }
            while (!stepLimit.IsOver);

            GiveUpRelease(lease, limit, null);
        }
        catch (OperationCanceledException)
        {
            GiveUpRelease(lease, limit, new TimeoutException("no answer came in time"));
        }
        catch (Exception exception)
        {
            GiveUpRelease(lease, limit, exception); // what no store should throw is no answer either
        }
        finally
        {
            Releases.End();
        }

        return UnlockOutcome.Unknown;
    }

    /// <summary>A release was not answered in its time: it goes on in the background.</summary>
    private void GiveUpRelease(Lease lease, TimeSpan limit, Exception? failure)
    {
        if (!IsDisposed)
            Pending.Add(lease.Key, lease.Id, lease.LongestTtl);
        if (failure is not null)
            StoreFailed("release", lease.Key, lease.Id, failure);
        Log.ReleaseUnanswered(Logger, lease.Key, lease.Id, limit.TotalMilliseconds);
    }

    private static UnlockOutcome Outcome(StoreReply reply) => reply switch
    {
        StoreReply.Done => UnlockOutcome.Released,
        StoreReply.NotHeld => UnlockOutcome.AlreadyExpired,
        StoreReply.HeldByAnother => UnlockOutcome.HeldByAnother,
        _ => throw new InvalidOperationException($"Unknown store reply {reply}."),
    };

    private Lease? OwnLease(string key, string id) => _leases.TryGetValue(id, out var lease) && lease.Key == key ? lease : null;

    private void OnStoreLoss(StoreLoss loss)
    {
        // First those that may be granted right now, then the leases: between the two a lease moves from here to there.
        foreach (var contender in Contenders.ToList())
            contender.OnStoreLoss(loss.HolderId);

        // Either a contender that puts its lease into the register right now reads after that what it was told here, or the lease is seen below: but
        // only if neither side's read comes before its write. This is the rare side, so it pays for both.
        Interlocked.MemoryBarrierProcessWide();
        if (loss.HolderId is not null)
        {
            if (_leases.TryGetValue(loss.HolderId, out var lease))
                lease.Lose(loss.Reason);
            return;
        }

        foreach (var lease in _leases.Values)
            lease.Lose(loss.Reason);
    }

    private async Task WithinDisposeLimitAsync(Task task)
    {
        try
        {
            await task.WaitAsync(DisposeLimit, Clock.Time).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // A backend that does not answer, or fails, must not hold up the end of the program: its locks end with their TTL.
            StoreCalls.Observe(task);
        }
    }

    /// <summary>A lease that its own drift leaves nothing of could only ever be granted too late.</summary>
    private static void RefuseWithoutValidity(EffectiveOptions options)
    {
        var ttl = options.FirstTtl;
        if (ttl == Timeout.InfiniteTimeSpan || ttl > options.LostMarginOf(ttl))
            return;
        throw new ArgumentException(
            options.LostMarginOf(ttl) == options.LostMargin
                ? $"lockOptions.lostMargin of {options.LostMargin.Value.TotalMilliseconds} ms must be below the ttl (or maxHold), which is {ttl.TotalMilliseconds} ms."
                : $"lockOptions.ttl (or maxHold) of {ttl.TotalMilliseconds} ms leaves nothing after the allowance for drift, which is "
                    + $"{options.DriftFactor} of it and 2 ms. Give at least a few milliseconds more.",
            nameof(options));
    }

    /// <summary>Whoever asks to be told must not be left to poll.</summary>
    private void RefuseWithoutNotices(EffectiveOptions options)
    {
        if (options.Wait != WaitMode.Notify || Signal is not null || Waiting is not null)
            return;
        throw new ArgumentException(
            $"lockOptions.wait is notify, but the backend {Type} gives no notices. Allowed here: auto or poll.", nameof(options));
    }

    /// <summary>The step of a listing that was left running.</summary>
    private sealed class AbandonedMove : ILateOutcome<bool>
    {
        public Task? Step { get; private set; }

        public void OnAbandoned(Task<bool> step) => Step = step;
    }
}
