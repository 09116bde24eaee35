namespace Locking.Providers;

/// <summary>Optional ability of a store: says that leases are gone, as soon as the backend tells.</summary>
public interface ILossSignal
{
    /// <summary>Raised for one lease (key and holder id given) or for all leases of this store (both null). Handlers return at
    /// once.</summary>
    event Action<StoreLoss>? LeaseLost;
}

/// <summary>Leases that a backend has taken away.</summary>
/// <param name="Key">The whole key, or null for all leases of the store.</param>
/// <param name="HolderId">The holder, or null for all leases of the store.</param>
/// <param name="Reason">Why.</param>
public readonly record struct StoreLoss(string? Key, string? HolderId, LostReason Reason);
