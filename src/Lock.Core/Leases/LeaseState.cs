namespace Locking;

/// <summary>The states of a lease; see the table at <see cref="Lease"/>.</summary>
internal enum LeaseState
{
    Held,
    Doubtful,
    Lost,
    Released,
}
