namespace Locking.Providers;

/// <summary>Optional ability of a store: takes a lock away in one step. Without it the engine reads the holder and releases its
/// id.</summary>
public interface IForceReleaseStore
{
    /// <summary>Ends whatever holds the key, a stranger's record too. Fencing tokens go on rising.</summary>
    /// <returns>False when nobody held the lock.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken);
}
