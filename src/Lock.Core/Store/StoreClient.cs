using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>The engine's one way to its store: its calls, their limits and cancellation, and what is known of how it answers.</summary>
/// <remarks>Knows nothing of leases, nor of who contends for them: those know this.</remarks>
[SuppressMessage("Design", "CA1001", Justification = "The token sources have nothing to free: no wait handle, no timer.")]
internal sealed class StoreClient
{
    private readonly ILockStore _store;
    private readonly IReleaseSignal? _signal;
    private readonly IWaitingStore? _waiting;
    private readonly CancellationTokenSource _disposing = new();
    private readonly CancellationTokenSource _stopped = new();
    private long _lastAnswer = long.MinValue;

    public StoreClient(ILockStore store, TimeProvider time, ILogger logger)
    {
        _store = store;
        _signal = store as IReleaseSignal;
        _waiting = store as IWaitingStore;
        Queues = store is IQueueingStore { IsQueueing: true };
        Type = store.Type;
        Logger = logger;
        Alarms = AlarmClock.For(time);
        Outage = new Outage(Type, Alarms, logger);
    }

    public string Type { get; }

    public ILogger Logger { get; }

    public AlarmClock Alarms { get; }

    public LeaseClock Clock => Alarms.Clock;

    public Outage Outage { get; }

    /// <summary>Whether the store keeps the queue, so that a call makes no attempts of its own.</summary>
    public bool Waits => _waiting is not null;

    /// <summary>Whether the store keeps a place in line for who waits with attempts.</summary>
    public bool Queues { get; }

    /// <summary>Whether releases can be watched.</summary>
    public bool CanBeWatched => _signal is not null;

    /// <summary>What tells of leases that the backend took away, if the store does.</summary>
    public ILossSignal? Losses => _store as ILossSignal;

    /// <summary>Cancelled when the engine is being disposed: waits end.</summary>
    public CancellationToken Disposing => _disposing.Token;

    public bool IsDisposing => _disposing.IsCancellationRequested;

    /// <summary>Cancelled when the disposal is over: background work ends.</summary>
    public CancellationToken Stopped => _stopped.Token;

    /// <summary>Ends all waits.</summary>
    public Task EndWaitsAsync() => _disposing.CancelAsync();

    /// <summary>Ends what works in the background.</summary>
    public Task StopAsync() => _stopped.CancelAsync();

    /// <summary>Disposes the store, on a thread of the pool: whatever it does then holds up nobody who does not await it.</summary>
    public Task DisposeStoreAsync() =>
        DetachedFlow.Start(() => Task.Run(async () => await _store.DisposeAsync().ConfigureAwait(false)));

    public ValueTask<AcquireReply> TryAcquireAsync(
        AcquireRequest request, ILateOutcome<AcquireReply> late, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a._store.TryAcquireAsync(a.Request, token), (_store, Request: request), Type, late, cancellationToken);

    /// <summary>Waits in the store's queue; for a store that <see cref="Waits"/>.</summary>
    public ValueTask<AcquireReply> AcquireAsync(
        AcquireRequest request, TimeSpan atMost, ILateOutcome<AcquireReply> late, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a.Store.AcquireAsync(a.Request, a.AtMost, token),
            (Store: _waiting!, Request: request, AtMost: atMost), Type, late, cancellationToken);

    public ValueTask<StoreReply> TryExtendAsync(string key, string id, TimeSpan ttl, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a._store.TryExtendAsync(a.Key, a.Id, a.Ttl, token),
            (_store, Key: key, Id: id, Ttl: ttl), Type, null, cancellationToken);

    public ValueTask<StoreReply> TryReleaseAsync(string key, string id, CancellationToken cancellationToken, StepLimit limit = default) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a._store.TryReleaseAsync(a.Key, a.Id, token), (_store, Key: key, Id: id), Type, null, cancellationToken,
            limit);

    /// <summary>Takes a lock away from whoever holds it.</summary>
    /// <returns>Whether somebody held it.</returns>
    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        if (_store is IForceReleaseStore force)
        {
            return await StoreCalls.AwaitAsync(
                static (a, token) => a.Force.ForceReleaseAsync(a.Key, token), (Force: force, Key: key), Type, null, cancellationToken)
                .ConfigureAwait(false);
        }

        LockInfo? holder = await GetAsync(key, cancellationToken).ConfigureAwait(false);
        return holder is not null && await TryReleaseAsync(key, holder.Id, cancellationToken).ConfigureAwait(false) == StoreReply.Done;
    }

    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(static (a, token) => a._store.GetAsync(a.Key, token), (_store, Key: key), Type, null, cancellationToken);

    public IAsyncEnumerable<LockInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
        StoreListing.ReadAsync(_store, prefix, cancellationToken);

    /// <summary>What the store says about its backend; empty for a store without <see cref="IStoreDiagnostics"/>.</summary>
    public ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken) =>
        _store is IStoreDiagnostics diagnostics
            ? StoreCalls.AwaitAsync(static (store, token) => store.DiagnoseAsync(token), diagnostics, Type, null, cancellationToken)
            : ValueTask.FromResult<IReadOnlyList<StoreFinding>>([]);

    /// <summary>Begins to watch for releases; for a store that <see cref="CanBeWatched"/>.</summary>
    public ValueTask<IReleaseWatch> WatchAsync(string key, ILateOutcome<IReleaseWatch> late, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a.Signal.WatchAsync(a.Key, token), (Signal: _signal!, Key: key), Type, late, cancellationToken);

    /// <summary>Waits for a notice of a watch.</summary>
    public ValueTask<bool> WaitAsync(IReleaseWatch watch, TimeSpan pause, CancellationToken cancellationToken) =>
        StoreCalls.AwaitAsync(
            static (a, token) => a.Watch.WaitAsync(a.Pause, token),
            (Watch: watch, Pause: TimerSpan.For(pause)), Type, null, cancellationToken);

    /// <summary>The backend has answered somebody.</summary>
    public void Answered(long now)
    {
        Volatile.Write(ref _lastAnswer, now);
        Outage.Answered();
    }

    /// <summary>Whether the backend has answered anybody within this time.</summary>
    public bool HasAnsweredSince(TimeSpan ago)
    {
        long last = Volatile.Read(ref _lastAnswer);
        return last != long.MinValue && Clock.ElapsedSince(last) <= ago;
    }

    /// <summary>A step failed, or was not answered.</summary>
    public void Failed(string step, string key, string id, Exception exception)
    {
        LockTelemetry.StoreFailed(Type, step, (exception.InnerException ?? exception).GetType().Name);
        Outage.Failed(step, key, id, exception.Message);
    }
}
