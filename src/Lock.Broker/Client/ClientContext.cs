namespace Locking;

/// <summary>What all connections of one client share: where the broker is, the times, what is held, and the numbers of the
/// requests.</summary>
internal sealed class ClientContext(BrokerAddress address, string? secret, bool noDelay, TimeSpan commandTimeout, TimeProvider time)
{
    private long _lastNumber;
    private long _lastConnection;

    /// <summary>Raised for each lease that the broker has taken away.</summary>
    public event Action<StoreLoss>? Lost;

    /// <summary>After this time without a word, a connection with waiting requests is tried.</summary>
    public static TimeSpan QuietTime => TimeSpan.FromSeconds(5);

    /// <summary>Where the broker is.</summary>
    public BrokerAddress Address => address;

    /// <summary>What both sides know; null: nothing.</summary>
    public string? Secret => secret;

    /// <summary>Whether what is sent by TCP leaves at once.</summary>
    public bool NoDelay => noDelay;

    /// <summary>How long a request may stay unanswered.</summary>
    public TimeSpan CommandTimeout => commandTimeout;

    /// <summary>How often a connection looks for requests that are late.</summary>
    public TimeSpan WatchPeriod =>
        TimeSpan.FromTicks(Math.Clamp(CommandTimeout.Ticks / 8, TimeSpan.TicksPerMillisecond * 5, TimeSpan.TicksPerSecond));

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;

    /// <summary>The units of its timestamps.</summary>
    public ClockUnits Units { get; } = new(time);

    /// <summary>What the client holds.</summary>
    public HeldLeases Leases { get; } = new(time);

    /// <summary>The number of a further request.</summary>
    public long NextNumber() => Interlocked.Increment(ref _lastNumber);

    /// <summary>The number of a further connection.</summary>
    public long NextConnection() => Interlocked.Increment(ref _lastConnection);

    /// <summary>Tells that the broker has taken a lease away.</summary>
    public void OnLost(StoreLoss loss) => Lost?.Invoke(loss);

    /// <summary>The failure of a request without an answer.</summary>
    public LockStoreException NoAnswer() => new(
        $"The broker at {Address} did not answer: the connection broke, or no answer came within "
        + $"{CommandTimeout.TotalMilliseconds} ms (connection.commandTimeout).",
        isTransient: true);

    /// <summary>The failure of a connection that was not made.</summary>
    public static LockStoreException NotThere(string message, Exception? inner) =>
        new(message, isTransient: true, inner) { MayHaveBeenApplied = false };
}
