namespace Locking;

/// <summary>What a <see cref="LossWatch"/> needs to know of its lease.</summary>
internal interface IWatchedLease
{
    /// <summary>Whether the table counts it as held.</summary>
    bool IsHeld { get; }

    /// <summary>When its loss is to be announced if nothing more becomes of it, as a timestamp; <see cref="Claim.Never"/> when it is
    /// not.</summary>
    long LatestLoss { get; }

    /// <summary>The alarm rings: on the alarm clock's thread.</summary>
    void OnDeadline();
}
