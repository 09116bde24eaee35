namespace Locking;

/// <summary>The options that belong to a backend and not to the engine: all users of a key must agree on them, so no call may change them.</summary>
internal static class StoreSettings
{
    /// <summary>Their names in a configuration, and what holds them.</summary>
    private static readonly (string Name, Func<LockOptions, object?> Get)[] All =
    [
        ("fair", static options => options.Fair),
        ("format", static options => options.Format),
        ("keyPrefix", static options => options.KeyPrefix),
        ("fenceRetention", static options => options.FenceRetention),
        ("nodeTimeout", static options => options.NodeTimeout),
        ("quorum", static options => options.Quorum),
        ("replicas", static options => options.Replicas),
        ("replicaTimeout", static options => options.ReplicaTimeout),
    ];

    /// <summary>Refuses a call that says one of them differently from the configuration.</summary>
    /// <exception cref="ArgumentException">It does.</exception>
    public static void RefuseInCall(LockOptions call, LockOptions defaults, string type)
    {
        foreach (var (name, get) in All)
        {
            if (get(call) is { } value && !value.Equals(get(defaults)))
            {
                throw new ArgumentException(
                    $"lockOptions.{name} belongs to the backend ({type}) and cannot be changed by a single call: locks with and without it would "
                    + $"not see each other. Set it in the configuration; for a second value use a second {nameof(ILock)}.",
                    "options");
            }
        }
    }
}
