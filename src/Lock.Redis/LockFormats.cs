namespace Locking;

/// <summary>Names of the key and value layouts that Redis locks can have.</summary>
public static class LockFormats
{
    /// <summary>Ours; shared with every client that does <c>SET key value NX PX</c>.</summary>
    public const string Native = "native";

    /// <summary>The layout of RedLock.net.</summary>
    public const string RedLockNet = "redlock.net";

    /// <summary>The layout of npm's simple-redis-mutex.</summary>
    public const string SimpleRedisMutex = "simple-redis-mutex";

    /// <summary>The layout of npm's dist-lock.</summary>
    public const string DistLock = "dist-lock";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Native, RedLockNet, SimpleRedisMutex, DistLock];
}
