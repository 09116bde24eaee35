namespace Locking;

/// <summary>What our own side of the protocol is called and can do. See docs/broker-protocol.md.</summary>
internal static class WireTypes
{
    /// <summary>The version of the published protocol that both sides keep to.</summary>
    public const string PublishedVersion = "0.2.25";

    /// <summary>The version of our own messages. Rises when an old peer could misunderstand a new one; additions are
    /// capabilities.</summary>
    public const int Wire = 1;

    /// <summary>The longest lease, in milliseconds: 10,000 days. A longer one is taken for one of so long.</summary>
    public const long LongestTtl = 10_000L * 24 * 60 * 60 * 1000;

    /// <summary>The version of this library, as it introduces itself.</summary>
    public static string ProductVersion { get; } =
        typeof(WireTypes).Assembly.GetName().Version is { } version ? version.ToString(3) : "0.0.0";
}
