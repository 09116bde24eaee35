namespace Locking;

/// <summary>The options that belong to a store and not to the engine; see <see cref="IConfigurableStore"/>.</summary>
internal static class StoreSettings
{
    /// <summary>Whether a call sets one of them differently from the configuration.</summary>
    public static bool Differ(LockOptions call, LockOptions defaults, out LockOptions settings)
    {
        settings = null!;
        if ((call.Format is null || call.Format == defaults.Format)
            && (call.KeyPrefix is null || call.KeyPrefix == defaults.KeyPrefix)
            && (call.FenceRetention is null || call.FenceRetention == defaults.FenceRetention)
            && (call.NodeTimeout is null || call.NodeTimeout == defaults.NodeTimeout)
            && (call.Quorum is null || call.Quorum == defaults.Quorum)
            && (call.Replicas is null || call.Replicas == defaults.Replicas)
            && (call.ReplicaTimeout is null || call.ReplicaTimeout == defaults.ReplicaTimeout))
        {
            return false;
        }

        settings = Apply(new LockOptions(), call);
        return true;
    }

    /// <summary><paramref name="options"/> with the store's settings of <paramref name="settings"/>.</summary>
    public static LockOptions Apply(LockOptions options, LockOptions settings) => options with
    {
        Format = settings.Format ?? options.Format,
        KeyPrefix = settings.KeyPrefix ?? options.KeyPrefix,
        FenceRetention = settings.FenceRetention ?? options.FenceRetention,
        NodeTimeout = settings.NodeTimeout ?? options.NodeTimeout,
        Quorum = settings.Quorum ?? options.Quorum,
        Replicas = settings.Replicas ?? options.Replicas,
        ReplicaTimeout = settings.ReplicaTimeout ?? options.ReplicaTimeout,
    };

    /// <summary>The names of those that are set.</summary>
    public static string Describe(LockOptions settings)
    {
        var names = new List<string>();
        if (settings.Format is not null)
            names.Add(nameof(settings.Format));
        if (settings.KeyPrefix is not null)
            names.Add(nameof(settings.KeyPrefix));
        if (settings.FenceRetention is not null)
            names.Add(nameof(settings.FenceRetention));
        if (settings.NodeTimeout is not null)
            names.Add(nameof(settings.NodeTimeout));
        if (settings.Quorum is not null)
            names.Add(nameof(settings.Quorum));
        if (settings.Replicas is not null)
            names.Add(nameof(settings.Replicas));
        if (settings.ReplicaTimeout is not null)
            names.Add(nameof(settings.ReplicaTimeout));
        return string.Join(", ", names);
    }
}
