namespace Locking;

/// <summary>What a process knows of a server that it may ask for votes: its note, and the longest ttl that was put on record under
/// it.</summary>
/// <param name="Note">What is noted about its vote. A server that has another note has forgotten the record as well.</param>
/// <param name="Ttl">The ttl on record: leases up to so long may be asked for.</param>
/// <param name="Until">Until when such leases may begin, in the clock's timestamps.</param>
internal sealed record Readiness(string Note, TimeSpan Ttl, long Until)
{
    /// <summary>Whether a lease may begin now.</summary>
    public bool Covers(TimeSpan ttl, TimeProvider time) => ttl <= Ttl && time.GetTimestamp() < Until;
}
