namespace Locking;

/// <summary>How a connection ended.</summary>
internal enum ConnectionEnd
{
    /// <summary>The other side closed it, or its process ended and the system did so for it: it gives up what it held.</summary>
    Closed,

    /// <summary>It broke, or this side cut it: the other side may live and rely on its leases.</summary>
    Broken,
}
