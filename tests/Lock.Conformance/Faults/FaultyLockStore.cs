using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Locking.Conformance;

/// <summary>A store around a store, between which requests and answers get lost, come late or hang, as a test scripts it.</summary>
/// <remarks>Made with <see cref="Over(ILockStore)"/>: it then has the optional abilities of the store inside. Also counts: calls of each
/// step, and how many contenders of one key were in the store at once.</remarks>
public class FaultyLockStore : DelegatingLockStore
{
    private readonly ConcurrentQueue<StoreCall> _calls = new();
    private readonly ConcurrentDictionary<StoreStep, ConcurrentQueue<StoreFault>> _script = new();
    private readonly ConcurrentQueue<Func<Task>> _lateRequests = new();
    private readonly Dictionary<string, (int Now, int Most)> _contenders = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _lateReplies = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waitingReplies;
    private int _hanging;

    /// <summary>Use <see cref="Over(ILockStore)"/>.</summary>
    protected FaultyLockStore(ILockStore inner)
        : base(inner)
    {
    }

    /// <summary>Decides about calls for which nothing is scripted; null lets a call through.</summary>
    public Func<StoreCall, StoreFault?>? Policy { get; set; }

    /// <summary>Every call so far, in order.</summary>
    public IReadOnlyList<StoreCall> Calls => [.. _calls];

    /// <summary>How many requests wait to be delivered late.</summary>
    public int LateRequests => _lateRequests.Count;

    /// <summary>How many answers wait to be delivered late.</summary>
    public int LateReplies => Volatile.Read(ref _waitingReplies);

    /// <summary>How many calls hang now.</summary>
    public int Hanging => Volatile.Read(ref _hanging);

    /// <summary>Puts faults between a store and its user.</summary>
    public static FaultyLockStore Over(ILockStore inner) => Over<FaultyLockStore>(inner);

    /// <summary>Scripts the next calls of a step, one fault each. Calls after them go through.</summary>
    public void Next(StoreStep step, params StoreFault[] faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        ConcurrentQueue<StoreFault> queue = _script.GetOrAdd(step, static _ => new ConcurrentQueue<StoreFault>());
        foreach (StoreFault fault in faults)
            queue.Enqueue(fault);
    }

    /// <summary>How often a step was called.</summary>
    public int Count(StoreStep step) => _calls.Count(call => call.Step == step);

    /// <summary>The most acquires of one key that were under way at once.</summary>
    public int MostContenders(string key)
    {
        lock (_contenders)
            return _contenders.TryGetValue(key, out (int Now, int Most) count) ? count.Most : 0;
    }

    /// <summary>Lets the requests that are late arrive, in the order they were sent. Their answers go nowhere; one that waits in the
    /// backend's queue is left there, at most until this store is disposed.</summary>
    public async Task DeliverLateRequestsAsync()
    {
        while (_lateRequests.TryDequeue(out Func<Task>? request))
            await request().ConfigureAwait(false);
    }

    /// <summary>Lets the answers that are late arrive.</summary>
    public void DeliverLateReplies() =>
        Interlocked.Exchange(ref _lateReplies, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <inheritdoc/>
    public override ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ContendAsync(
            new StoreCall(StoreStep.Acquire, request.Key, request.HolderId, request.Ttl), stop => Inner.TryAcquireAsync(request, stop),
            cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ContendAsync(
            new StoreCall(StoreStep.Wait, request.Key, request.HolderId, request.Ttl),
            stop => ((IWaitingStore)Inner).AcquireAsync(request, atMost, stop),
            cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        RunAsync(
        new StoreCall(StoreStep.Extend, key, holderId, ttl), stop => Inner.TryExtendAsync(key, holderId, ttl, stop), cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) => RunAsync(
        new StoreCall(StoreStep.Release, key, holderId), stop => Inner.TryReleaseAsync(key, holderId, stop), cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(new StoreCall(StoreStep.Get, key), stop => Inner.GetAsync(key, stop), cancellationToken);

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await RunAsync(new StoreCall(StoreStep.List, prefix), static _ => ValueTask.FromResult(true), cancellationToken)
            .ConfigureAwait(false);
        await foreach (LockInfo? info in Inner.ListAsync(prefix, cancellationToken).ConfigureAwait(false))
            yield return info;
    }

    /// <inheritdoc/>
    public override ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(new StoreCall(StoreStep.Watch, key), stop => ((IReleaseSignal)Inner).WatchAsync(key, stop), cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(new StoreCall(StoreStep.Force, key), stop => ((IForceReleaseStore)Inner).ForceReleaseAsync(key, stop), cancellationToken);

    /// <summary>Ends the calls that hang, and disposes the store inside.</summary>
    public override async ValueTask DisposeAsync()
    {
        _disposed.TrySetResult();
        await _ended.CancelAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    private async ValueTask<AcquireReply> ContendAsync(
        StoreCall call, Func<CancellationToken, ValueTask<AcquireReply>> forward, CancellationToken cancellationToken)
    {
        lock (_contenders)
        {
            (int now, int most) = _contenders.GetValueOrDefault(call.Key);
            _contenders[call.Key] = (now + 1, Math.Max(most, now + 1));
        }

        try
        {
            return await RunAsync(call, forward, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_contenders)
                _contenders[call.Key] = (_contenders[call.Key].Now - 1, _contenders[call.Key].Most);
        }
    }

    private async ValueTask<T> RunAsync<T>(StoreCall call, Func<CancellationToken, ValueTask<T>> forward,
        CancellationToken cancellationToken)
    {
        _calls.Enqueue(call);
        StoreFault? scripted =
            _script.TryGetValue(call.Step, out ConcurrentQueue<StoreFault>? queue) && queue.TryDequeue(out StoreFault? next) ? next : null;
        if ((scripted ?? Policy?.Invoke(call)) is not { } fault)
            return await forward(cancellationToken).ConfigureAwait(false);
        CancellationToken limit = fault.IgnoresCancellation ? CancellationToken.None : cancellationToken;
        switch (fault.Kind)
        {
            case StoreFault.FaultKind.LostRequest:
                throw fault.Exception();
            case StoreFault.FaultKind.LateRequest:
                _lateRequests.Enqueue(() => DeliverAsync(call, forward));
                throw fault.Exception();
            case StoreFault.FaultKind.LostReply:
                await forward(cancellationToken).ConfigureAwait(false);
                throw fault.Exception();
            case StoreFault.FaultKind.LateReply:
                T? reply = await forward(cancellationToken).ConfigureAwait(false);
                Task delivery = Volatile.Read(ref _lateReplies).Task;
                await CountedAsync(delivery, () => ref _waitingReplies, limit).ConfigureAwait(false);
                return reply;
            case StoreFault.FaultKind.Hang:
                await CountedAsync(_disposed.Task, () => ref _hanging, limit).ConfigureAwait(false);
                throw fault.Exception();
            default:
                throw new InvalidOperationException($"Unknown fault {fault.Kind}.");
        }
    }

    private async Task DeliverAsync<T>(StoreCall call, Func<CancellationToken, ValueTask<T>> forward)
    {
        if (call.Step != StoreStep.Wait)
        {
            await forward(CancellationToken.None).ConfigureAwait(false);
            return;
        }

        Task<T> waiting = Task.Run(async () => await forward(_ended.Token).ConfigureAwait(false));
        _ = waiting.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        await Eventually.SettleAsync().ConfigureAwait(false);
    }

    private delegate ref int Counter();

    private async Task CountedAsync(Task until, Counter counter, CancellationToken limit)
    {
        Interlocked.Increment(ref counter());
        try
        {
            await Task.WhenAny(until, _disposed.Task).WaitAsync(limit).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref counter());
        }
    }
}
