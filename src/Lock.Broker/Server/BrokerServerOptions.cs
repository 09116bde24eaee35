namespace Locking;

/// <summary>Where a broker listens and how it behaves.</summary>
public sealed record BrokerServerOptions
{
    /// <summary>The port of the published protocol.</summary>
    public const int DefaultPort = 6970;

    /// <summary>Unix domain socket to listen on, or null for none. Its directory is made if it is missing, and must be entered by nobody
    /// but this user.</summary>
    public string? Path { get; init; }

    /// <summary>Address or host name to listen on by TCP, or null for none. Anything but the loopback needs <see cref="Secret"/> or
    /// <see cref="Insecure"/>.</summary>
    public string? Host { get; init; }

    /// <summary>TCP port, 0 (any free one) to 65535. Default 6970.</summary>
    public int Port { get; init => field = value is >= 0 and <= 65535
        ? value
        : throw new ArgumentOutOfRangeException(nameof(Port), value, "Port must be from 0 to 65535."); } = DefaultPort;

    /// <summary>What clients must know. Never shown, and never sent. Null: nothing.</summary>
    public string? Secret { get; init; }

    /// <summary>Allows listening beyond the loopback without a secret.</summary>
    public bool Insecure { get; init; }

    /// <summary>Ends the broker when it had no connection and held no lock for so long; null: never. At least 1 ms.</summary>
    public TimeSpan? IdleExit { get; init => field = value is { } v ? OptionRange.Positive(v, nameof(IdleExit)) : null; }

    /// <summary>The record of every lease that lives, which the next broker goes on with. Default: beside the socket, or for TCP alone in
    /// this user's own directory; an empty string: none, and a broker that comes back may grant what is still held.</summary>
    public string? StatePath { get; init; }

    /// <summary>The lease of a published client that names none. At least 1 ms. Default 5 s, as the original.</summary>
    public TimeSpan DefaultTtl { get; init => field = OptionRange.Positive(value, nameof(DefaultTtl)); } = TimeSpan.FromSeconds(5);

    /// <summary>How long a published client may leave a grant out of the queue without its acknowledgement. At least 1 ms. Default 4.5 s,
    /// as the original.</summary>
    public TimeSpan AcknowledgeTimeout { get; init => field = OptionRange.Positive(value, nameof(AcknowledgeTimeout)); } =
        TimeSpan.FromMilliseconds(4500);

    /// <summary>What one broker takes on.</summary>
    public BrokerLimits Limits { get; init; } = new();

    /// <summary>The options without the secret.</summary>
    public override string ToString() => $"BrokerServerOptions {{ Path = {Path}, Host = {Host}, Port = {Port} }}";
}
