using StackExchange.Redis;

namespace Locking.Peers;

/// <summary>The libraries by name.</summary>
public static class Peers
{
    public const string RedLockNet = "RedLock.net";
    public const string Medallion = "DistributedLock.Redis";

    /// <summary>Ours, with the format that RedLock.net's keys have.</summary>
    public const string OursLikeRedLockNet = "ours, redlock.net";

    /// <summary>Ours, with its own format.</summary>
    public const string OursNative = "ours, native";

    /// <summary>Ours, so that it excludes that peer.</summary>
    public static string OursBeside(string peer) => peer == RedLockNet ? OursLikeRedLockNet : OursNative;

    /// <summary>Connects one to these ports: one server, or a quorum of several.</summary>
    public static async Task<IPeer> ConnectAsync(string name, IReadOnlyList<int> ports) => name switch
    {
        RedLockNet => new RedLockNetPeer(await ConnectAsync(ports)),
        Medallion => new MedallionPeer(await ConnectAsync(ports)),
        OursLikeRedLockNet => new OwnPeer(ports, LockFormats.RedLockNet),
        OursNative => new OwnPeer(ports, LockFormats.Native),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    /// <summary>The key at which a library keeps the lock of a name.</summary>
    public static string KeyOf(string peer, string name) => peer is RedLockNet or OursLikeRedLockNet ? "redlock:" + name : name;

    private static async Task<ConnectionMultiplexer[]> ConnectAsync(IReadOnlyList<int> ports) =>
        await Task.WhenAll(ports.Select(static port => ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}")));
}
