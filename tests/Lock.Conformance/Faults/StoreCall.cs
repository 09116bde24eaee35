namespace Locking.Conformance;

/// <summary>The steps of the seam.</summary>
public enum StoreStep
{
    /// <summary><see cref="ILockStore.TryAcquireAsync"/>.</summary>
    Acquire,

    /// <summary><see cref="ILockStore.TryExtendAsync"/>.</summary>
    Extend,

    /// <summary><see cref="ILockStore.TryReleaseAsync"/>.</summary>
    Release,

    /// <summary><see cref="ILockStore.GetAsync"/>.</summary>
    Get,

    /// <summary><see cref="ILockStore.ListAsync"/>.</summary>
    List,

    /// <summary><see cref="IReleaseSignal.WatchAsync"/>.</summary>
    Watch,

    /// <summary><see cref="IWaitingStore.AcquireAsync"/>.</summary>
    Wait,

    /// <summary><see cref="IForceReleaseStore.ForceReleaseAsync"/>.</summary>
    Force,
}

/// <summary>One call of a step.</summary>
/// <param name="Step">Which.</param>
/// <param name="Key">The key, or the prefix of a listing.</param>
/// <param name="HolderId">The holder; empty for steps without one.</param>
/// <param name="Ttl">The lease asked for, where the step asks for one.</param>
public sealed record StoreCall(StoreStep Step, string Key, string HolderId = "", TimeSpan? Ttl = null);
