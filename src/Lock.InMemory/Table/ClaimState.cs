namespace Locking;

/// <summary>Where a <see cref="Claim"/> stands. Written only under the gate of its stripe; may be read at any time.</summary>
/// <remarks>
/// <list type="table">
/// <item><term>New</term><description>not in a table yet → Waiting, Held</description></item>
/// <item><term>Waiting</term><description>in the queue of its key → Held, Withdrawn</description></item>
/// <item><term>Held</term><description>has the lock → Released, Expired, Forced, Dropped</description></item>
/// <item><term>Withdrawn, Released, Expired, Forced, Dropped</term><description>ends; the object is never used again</description></item>
/// </list>
/// </remarks>
internal enum ClaimState
{
    /// <summary>Not in a table yet, or refused (busy, and not to be queued).</summary>
    New = 0,

    /// <summary>In the queue of its key.</summary>
    Waiting,

    /// <summary>Has the lock (a lease whose deadline has passed stays here until somebody looks).</summary>
    Held,

    /// <summary>Left the queue without a grant.</summary>
    Withdrawn,

    /// <summary>Given back by its holder.</summary>
    Released,

    /// <summary>Its deadline passed.</summary>
    Expired,

    /// <summary>Taken away.</summary>
    Forced,

    /// <summary>Given up for its holder, by the object that granted it.</summary>
    Dropped,
}
