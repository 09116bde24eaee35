namespace Locking;

/// <summary>The whole configuration of an <see cref="ILock"/>: which backend, how to reach it, and how locks are taken.</summary>
/// <remarks>The same shape comes from C#, from JSON, from the environment variable <c>LOCK_CONFIG</c> and from <c>IConfiguration</c>.</remarks>
public sealed record LockConfig
{
    /// <summary>The backend: <c>inMemory</c>, <c>broker</c>, <c>redis</c>, <c>redLock</c>, <c>mongo</c>, or the type of a registered
    /// provider. Case does not matter. Needed, unless the preset brings one along.</summary>
    public string? Type { get; init; }

    /// <summary>How to reach the backend. Default: the backend's usual port on this machine.</summary>
    public LockConnection? Connection { get; init; }

    /// <summary>How locks are taken, unless a call says otherwise.</summary>
    public LockOptions? LockOptions { get; init; }

    /// <summary>What <see cref="ILock.LockNsAsync"/> puts before a key, followed by a colon.</summary>
    public string? Namespace { get; init; }

    /// <summary>The defaults of a known system: <c>kuzzle</c>, <c>leverege</c>, <c>live-mutex</c>, <c>simple-redis-mutex</c> or
    /// <c>dist-lock</c>. What is set beside it wins.</summary>
    public string? Preset { get; init; }
}
