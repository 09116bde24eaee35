namespace Locking;

/// <summary>Optional ability of a store: gives a view of itself with other store settings, over the same connection.</summary>
/// <remarks>
/// The settings of a store are those of <see cref="LockOptions"/> that the engine does not act on itself: <c>Format</c>,
/// <c>KeyPrefix</c>, <c>FenceRetention</c>, <c>NodeTimeout</c>, <c>Quorum</c>, <c>Replicas</c>, <c>ReplicaTimeout</c>. A call that overrides one
/// of them towards a store without this ability is refused.
/// </remarks>
public interface IConfigurableStore
{
    /// <summary>A store over the same connection with these settings; the properties that are null keep their value. Cheap; disposing
    /// the view leaves the connection alone.</summary>
    /// <exception cref="ArgumentException">A setting does not suit this store.</exception>
    ILockStore WithOptions(LockOptions options);
}
