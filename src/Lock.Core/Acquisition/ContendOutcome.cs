namespace Locking;

/// <summary>What contending came to: a handle, or null when the lock stayed busy.</summary>
/// <remarks>A structure, not the reference itself: of asynchronous methods that return references the published command has no
/// compiled code at its start (decision 0044).</remarks>
internal readonly record struct ContendOutcome(ILockHandle? Handle);
