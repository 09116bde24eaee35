namespace Locking;

/// <summary>What giving a lease back needs to know of it.</summary>
internal interface IReleasedLease : IEndedLease
{
    /// <summary>After this time from now the backend has forgotten the lease by itself, at the latest.</summary>
    TimeSpan LongestTtl { get; }

    /// <summary>Whether the validity would still last, had the lease not been given back.</summary>
    bool IsWithinValidity { get; }
}
