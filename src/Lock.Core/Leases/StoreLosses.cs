namespace Locking;

/// <summary>Tells calls and leases of what the backend says it has taken away.</summary>
internal sealed class StoreLosses(StoreClient store, Calls calls, LeaseRegister leases)
{
    public void Begin()
    {
        if (store.Losses is { } losses)
            losses.LeaseLost += OnLost;
    }

    public void End()
    {
        if (store.Losses is { } losses)
            losses.LeaseLost -= OnLost;
    }

    private void OnLost(StoreLoss loss)
    {
        // First those that may be granted right now, then the leases: between the two a lease moves from here to there.
        foreach (WaitingCall call in calls.ToList())
            call.OnStoreLoss(loss.HolderId);

        // Either a contender that puts its lease into the register right now reads after that what it was told here, or the lease is seen
        // below: but only if neither side's read comes before its write. This is the rare side, so it pays for both.
        Interlocked.MemoryBarrierProcessWide();
        leases.Lose(loss);
    }
}
