namespace Locking;

/// <summary>What one broker takes on. A client that goes beyond a limit is refused or cut; the others do not notice.</summary>
public sealed record BrokerLimits
{
    /// <summary>The longest line, in bytes without its end, at least 4,096. Default 64 KiB. A longer one ends the connection.</summary>
    public int LineLength { get; init => field = OptionRange.AtLeast(value, 4096, nameof(LineLength)); } = 64 * 1024;

    /// <summary>Connections at once, at least 1. Default 10,000. One more is closed at once.</summary>
    public int Connections { get; init => field = OptionRange.AtLeast(value, 1, nameof(Connections)); } = 10_000;

    /// <summary>Keys held or waited for at once, at least 1. Default 1,000,000. A request for one more is refused.</summary>
    public int Keys { get; init => field = OptionRange.AtLeast(value, 1, nameof(Keys)); } = 1_000_000;

    /// <summary>Waiters of one key, at least 1. Default 100,000. A request of one more is refused.</summary>
    public int WaitersPerKey { get; init => field = OptionRange.AtLeast(value, 1, nameof(WaitersPerKey)); } = 100_000;

    /// <summary>Locks held and waited for over one connection, at least 1. Default 200,000. A request for one more is refused.</summary>
    public int ClaimsPerConnection { get; init => field = OptionRange.AtLeast(value, 1, nameof(ClaimsPerConnection)); } = 200_000;

    /// <summary>Bytes that a client has not read, at least 4,096. Default 4 MiB. More ends the connection; its leases stand.</summary>
    public int UnreadOutput { get; init => field = OptionRange.AtLeast(value, 4096, nameof(UnreadOutput)); } = 4 * 1024 * 1024;
}
