namespace Locking;

/// <summary>A request of the seam, in the table.</summary>
internal sealed class StoreClaim(InMemoryLockStore store, AcquireRequest request) : Claim(request.Key, request.Ttl)
{
    private readonly TaskCompletionSource _granted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override string Owner => request.Owner;

    public override string Id => request.HolderId;

    /// <summary>Completes when the waiting is over: granted, or released while it waited.</summary>
    public Task WhenGranted => _granted.Task;

    /// <summary>Its id was released; a wait for it ends.</summary>
    public void StopWaiting() => _granted.TrySetResult();

    protected internal override void OnGranted() => _granted.TrySetResult();

    protected internal override void OnForced() => store.Lost(this, LostReason.Forced);
}
