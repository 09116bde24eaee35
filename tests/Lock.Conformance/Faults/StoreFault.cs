namespace Locking.Conformance;

/// <summary>What goes wrong with one call.</summary>
public sealed record StoreFault
{
    private StoreFault(FaultKind kind) => Kind = kind;

    internal enum FaultKind
    {
        LostRequest,
        LateRequest,
        LostReply,
        LateReply,
        Hang,
    }

    /// <summary>The request never arrives: the store does nothing, the caller gets the exception.</summary>
    public static StoreFault LostRequest { get; } = new(FaultKind.LostRequest);

    /// <summary>The caller gets the exception now; the request arrives when the test says so
    /// (<see cref="FaultyLockStore.DeliverLateRequestsAsync"/>), perhaps after a later release.</summary>
    public static StoreFault LateRequest { get; } = new(FaultKind.LateRequest);

    /// <summary>The store does the step; the caller gets the exception.</summary>
    public static StoreFault LostReply { get; } = new(FaultKind.LostReply);

    /// <summary>The store does the step; the answer arrives when the test says so (<see cref="FaultyLockStore.DeliverLateReplies"/>), or
    /// the caller cancels.</summary>
    public static StoreFault LateReply { get; } = new(FaultKind.LateReply);

    /// <summary>The request never arrives, and the call does not end before it is cancelled or the store disposed.</summary>
    public static StoreFault Hang { get; } = new(FaultKind.Hang);

    /// <summary>The caller's exception. Default: a transient <see cref="LockStoreException"/> that may have been applied.</summary>
    public Func<Exception> Exception { get; init; } = () => new LockStoreException("A fault was injected.", isTransient: true);

    /// <summary>Whether a call that hangs, or waits for a late answer, ignores its cancellation too. Default false.</summary>
    public bool IgnoresCancellation { get; init; }

    internal FaultKind Kind { get; }

    /// <summary>The store refuses the request without doing anything.</summary>
    /// <param name="isTransient">See <see cref="LockStoreException.IsTransient"/>.</param>
    /// <param name="mayHaveBeenApplied">See <see cref="LockStoreException.MayHaveBeenApplied"/>.</param>
    public static StoreFault Refused(bool isTransient, bool mayHaveBeenApplied = false) => Throws(
        () => new LockStoreException("The request was refused.", isTransient) { MayHaveBeenApplied = mayHaveBeenApplied });

    /// <summary>The store does nothing, and the caller gets this exception.</summary>
    public static StoreFault Throws(Func<Exception> exception) => LostRequest with { Exception = exception };
}
