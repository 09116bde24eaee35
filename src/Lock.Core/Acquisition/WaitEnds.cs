namespace Locking;

/// <summary>How the wait of one call ends before it has what it wants: by the caller's token, with this <see cref="ILock"/>, or at its
/// limit of time.</summary>
internal struct WaitEnds
{
    /// <summary>For a call that ends by a limit of time whatever becomes of its requests (<see cref="TimedCall"/>); else null.</summary>
    private readonly TimedWait? _timed;

    private CancellationTokenSource? _both;

    public WaitEnds(StoreClient store, EffectiveOptions options)
    {
        if (!options.IsSingleAttempt && TimeoutOf(store, options) != Timeout.InfiniteTimeSpan)
            _timed = new TimedWait();
    }

    /// <summary>Told by the store of how the wait goes; null for a call without limit.</summary>
    public readonly IWaitProgress? Progress => _timed;

    /// <inheritdoc cref="TimedWait.Known"/>
    public readonly object? Known => _timed?.Known;

    /// <summary>What the caller was told when the time was up; null when nothing was.</summary>
    public readonly TimedWait.Ending? Told => _timed?.End;

    /// <summary>How long the call may wait by what it was told; <see cref="Timeout.InfiniteTimeSpan"/>: no limit, or none that is a
    /// time.</summary>
    public readonly TimeSpan Limit(StoreClient store, EffectiveOptions options) =>
        _timed is not null ? TimeoutOf(store, options) : Timeout.InfiniteTimeSpan;

    /// <summary>The caller's token, and the end of this <see cref="ILock"/>: a wait ends with either.</summary>
    public CancellationToken Token(StoreClient store, CancellationToken cancellationToken) =>
        !cancellationToken.CanBeCanceled && _timed is null
            ? store.Disposing
            : (_both ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, store.Disposing)).Token;

    /// <summary>Notes what is known by now, for the moment at which the time is up.</summary>
    public readonly void Learn(object? known) => _timed?.Learn(known);

    /// <summary>The time is up, and the caller told. Only for a call with a limit.</summary>
    public readonly void Tell(string outcome, TimeSpan waited)
    {
        _timed!.End = new TimedWait.Ending(outcome, waited);

        // Its flag is set before this returns; what a store does when it is cancelled runs on the pool. The contender may leave in this
        // moment.
        if (Volatile.Read(in _both) is { } both)
            StoreCalls.Observe(both.CancelAsync());
    }

    /// <summary>The contender leaves.</summary>
    public readonly void Dispose()
    {
        if (_both is not null)
            StoreCalls.Dispose(_both);
    }

    private static TimeSpan TimeoutOf(StoreClient store, EffectiveOptions options) =>
        store.Waits ? options.QueueTimeout : options.WaitTimeout;
}
