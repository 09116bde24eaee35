namespace Locking;

/// <summary>The whole configuration of an <see cref="ILock"/>: which backend, how to reach it, and how locks are taken.</summary>
/// <remarks>The same shape comes from C#, from JSON, from the environment variable <c>LOCK_CONFIG</c> and from <c>IConfiguration</c>. For
/// one backend that is chosen in code, <c>Lock.Create(b => b.UseRedis(redis => redis.Port = 6380))</c> has its settings as
/// properties.</remarks>
public sealed record LockConfig
{
    /// <summary>The backend: the type of a provider that is known, in any case. Needed, unless the preset brings one along.</summary>
    public string? Type { get; init; }

    /// <summary>How to reach the backend, by the names of docs/configuration.md. Default: the backend's usual port on this
    /// machine.</summary>
    public LockSettings? Connection { get; init; }

    /// <summary>How locks are taken, unless a call says otherwise.</summary>
    public LockOptions? LockOptions { get; init; }

    /// <summary>What <see cref="ILock.LockNsAsync"/> puts before a key, followed by a colon.</summary>
    public string? Namespace { get; init; }

    /// <summary>The defaults of a known system: <c>kuzzle</c>, <c>leverege</c>, <c>live-mutex</c>, <c>simple-redis-mutex</c> or
    /// <c>dist-lock</c>. What is set beside it wins.</summary>
    public string? Preset { get; init; }

    /// <summary>What stands in the <c>lockOptions</c> of a configuration and belongs to the backend.</summary>
    internal LockSettings? StoreOptions { get; init; }
}
