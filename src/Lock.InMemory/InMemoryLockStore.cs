using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>The in-memory backend behind the public seam: the reference that other stores are compared with, and a store for
/// tests.</summary>
/// <remarks><see cref="InMemoryLock"/> does the same without the seam, and faster.</remarks>
public sealed class InMemoryLockStore : ILockStore, IWaitingStore, IForceReleaseStore, ILossSignal
{
    private readonly LockTable _table;
    private readonly TableUse _use;
    private readonly CancellationTokenSource _disposed = new();

    /// <summary>Makes a store over the process's table of a clock.</summary>
    /// <param name="timeProvider">The only clock; null for the system's.</param>
    public InMemoryLockStore(TimeProvider? timeProvider = null)
        : this(TableUse.Shared(timeProvider ?? TimeProvider.System))
    {
    }

    /// <summary>Makes a store over a table of one's own.</summary>
    /// <param name="table">The table; not disposed with the store.</param>
    public InMemoryLockStore(InMemoryLockTable table)
        : this(TableUse.Of(table ?? throw new ArgumentNullException(nameof(table)), table.Table.TimeProvider))
    {
    }

    internal InMemoryLockStore(TableUse use)
    {
        _use = use;
        _table = use.Table;
    }

    /// <inheritdoc/>
    public event Action<StoreLoss>? LeaseLost;

    /// <inheritdoc/>
    public string Type => InMemoryLock.BackendType;

    /// <inheritdoc/>
    /// <remarks>Keeps no place in the queue: <see cref="AcquireAsync"/> does that.</remarks>
    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException<AcquireReply>(refusal);
        AcquireResult result = _table.Acquire(new StoreClaim(this, request), default);
        return ValueTask.FromResult(result.Status switch
        {
            AcquireStatus.Granted or AcquireStatus.AlreadyHeld => AcquireReply.Granted(result.Claim.FencingToken),
            AcquireStatus.Busy or AcquireStatus.AlreadyQueued => AcquireReply.Busy(result.HolderRemaining),
            _ => throw new InvalidOperationException($"Unexpected status {result.Status}."),
        });
    }

    /// <inheritdoc/>
    public async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (Refuse(cancellationToken) is { } refusal)
            throw refusal;
        long arrivedAt = _table.TimeProvider.GetTimestamp();
        AcquireResult result = _table.Acquire(new StoreClaim(this, request), new AcquireTerms { Queue = atMost != TimeSpan.Zero });
        if (result.Status is AcquireStatus.Granted or AcquireStatus.AlreadyHeld)
            return AcquireReply.Granted(result.Claim.FencingToken);
        if (result.Status == AcquireStatus.Busy || result.Claim is not StoreClaim claim)
            return AcquireReply.Busy(result.HolderRemaining);
        request.Progress?.OnQueued();
        try
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
            await claim.WhenGranted.WaitAsync(TimerSpan.For(atMost), _table.TimeProvider, both.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A grant that came in the same moment counts.
            if (_table.Withdraw(claim))
            {
                claim.StopWaiting(); // another request of the same holder may wait on this claim
                return AcquireReply.Busy(_table.Get(request.Key)?.Remaining ?? TimeSpan.Zero);
            }
        }
        catch (OperationCanceledException)
        {
            _table.End(claim);
            claim.StopWaiting();
            throw Refuse(cancellationToken) ?? new OperationCanceledException(cancellationToken);
        }

        return Answer(request, claim, arrivedAt);
    }

    private AcquireReply Answer(AcquireRequest request, StoreClaim claim, long arrivedAt)
    {
        // Its id was released meanwhile, by another request of the same holder say, or the lease ran out before this continued.
        if (claim.State != ClaimState.Held)
            return AcquireReply.Busy(_table.Get(request.Key)?.Remaining ?? TimeSpan.Zero);

        // From the arrival of this request: the claim may be that of an earlier one, whose answer was lost, and have stood there for
        // longer.
        return AcquireReply.Granted(claim.FencingToken, _table.Clock.ToSpan(Math.Max(0, claim.GrantedAt - arrivedAt)));
    }

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException<StoreReply>(refusal)
            : ValueTask.FromResult(_table.TryExtend(key, holderId, ttl));

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException<StoreReply>(refusal);
        Claim? found = _table.Find(key, holderId);

        // Not a holder of the seam, so that somebody else gives it back: its holder is told.
        if (found is MemoryLease lease && lease.Drop(LostReason.Removed) == ClaimState.Held)
            return ValueTask.FromResult(StoreReply.Done);
        StoreReply reply = _table.Release(key, holderId);
        if (found is not StoreClaim { State: ClaimState.Withdrawn } waiter)
            return ValueTask.FromResult(reply);

        // It gave up a place in the queue and held nothing.
        waiter.StopWaiting();
        return ValueTask.FromResult(_table.IsHeld(key) ? StoreReply.HeldByAnother : StoreReply.NotHeld);
    }

    /// <inheritdoc/>
    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException<LockInfo?>(refusal)
            : ValueTask.FromResult(_table.Get(key));

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        if (Refuse(cancellationToken) is { } refusal)
            throw refusal;
        foreach (LockInfo info in _table.List(prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return info;
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException<bool>(refusal)
            : ValueTask.FromResult(_table.Force(key) > 0);

    /// <summary>Ends the waits. Leases stay in a shared table until they are released or run out.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed.IsCancellationRequested)
            return;
        await _disposed.CancelAsync().ConfigureAwait(false);
        _use.End();
    }

    internal void Lost(Claim claim, LostReason reason) => LeaseLost?.Invoke(new StoreLoss(claim.Key, claim.Id, reason));

    private Exception? Refuse(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return new OperationCanceledException(cancellationToken);
        return _disposed.IsCancellationRequested ? new ObjectDisposedException(nameof(InMemoryLockStore)) : null;
    }
}
