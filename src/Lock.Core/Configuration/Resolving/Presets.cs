namespace Locking;

/// <summary>The defaults of the known systems, each in one word. What a configuration sets itself wins over them.</summary>
/// <remarks>None of those systems renews a lease.</remarks>
internal static class Presets
{
    public const string Kuzzle = "kuzzle";
    public const string Leverege = "leverege";
    public const string LiveMutex = "live-mutex";
    public const string SimpleRedisMutex = "simple-redis-mutex";
    public const string DistLock = "dist-lock";

    /// <summary>How many requests live-mutex's client sends before it gives up.</summary>
    public const int LiveMutexRequests = 3;

    /// <summary>How long live-mutex's client waits for the answer to each.</summary>
    public static readonly TimeSpan LiveMutexRequestTimeout = TimeSpan.FromMilliseconds(3000);

    private const string InMemory = "inMemory";
    private const string Broker = "broker";

    private static readonly LockOptions s_kuzzle = new()
    {
        Ttl = TimeSpan.FromMilliseconds(5000),
        AutoRenew = false,
        WaitTimeout = Timeout.InfiniteTimeSpan,
        RetryDelay = TimeSpan.FromMilliseconds(200),
        RetryJitter = TimeSpan.Zero,
    };

    private static readonly LockOptions s_leveregeInMemory = new()
    {
        AutoRenew = false,
        RetryCount = 0,
        RetryDelay = TimeSpan.FromMilliseconds(100),
        RetryJitter = TimeSpan.Zero,
    };

    private static readonly LockOptions s_leverege = new()
    {
        AutoRenew = false,
        RetryCount = 0,
        RetryDelay = TimeSpan.FromMilliseconds(200),
        RetryJitter = TimeSpan.FromMilliseconds(100),
        DriftFactor = 0.01,
    };

    private static readonly LockOptions s_liveMutex = new()
    {
        Ttl = TimeSpan.FromMilliseconds(4000),
        AutoRenew = false,
        WaitTimeout = LiveMutexRequests * LiveMutexRequestTimeout,
        RetryDelay = LiveMutexRequestTimeout,
        RetryJitter = TimeSpan.Zero,
        KeepOnDisconnect = false,
    };

    private static readonly LockOptions s_simpleRedisMutex = new()
    {
        Ttl = Timeout.InfiniteTimeSpan,
        AutoRenew = false,
        WaitTimeout = Timeout.InfiniteTimeSpan,
        RetryDelay = TimeSpan.FromMilliseconds(100),
        RetryJitter = TimeSpan.Zero,
    };

    private static readonly LockOptions s_distLock = new()
    {
        Ttl = TimeSpan.FromMilliseconds(30000),
        AutoRenew = false,
        RetryCount = -1,
        RetryDelay = TimeSpan.FromMilliseconds(50),
        RetryJitter = TimeSpan.Zero,
    };

    public static IReadOnlyList<string> Names { get; } = [Kuzzle, Leverege, LiveMutex, SimpleRedisMutex, DistLock];

    /// <summary>The usual spelling of a preset's name, or null for an unknown one.</summary>
    public static string? Canonical(string name) =>
        Names.FirstOrDefault(known => string.Equals(known, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The type that a preset brings along, or null.</summary>
    public static string? TypeOf(string preset) => preset switch
    {
        LiveMutex => Broker,
        SimpleRedisMutex or DistLock => "redis",
        _ => null,
    };

    /// <summary>The options of a preset on a backend.</summary>
    public static LockOptions OptionsOf(string preset, string type) => preset switch
    {
        Kuzzle => s_kuzzle,
        Leverege when type == InMemory => s_leveregeInMemory,
        Leverege => s_leverege,
        LiveMutex => s_liveMutex,
        SimpleRedisMutex => s_simpleRedisMutex,
        DistLock => s_distLock,
        _ => throw new ArgumentOutOfRangeException(nameof(preset), preset, "Not a preset."),
    };

    /// <summary>The backend's options of a preset: what the backend at hand has of them counts.</summary>
    public static LockSettings StoreOptionsOf(string preset) => preset switch
    {
        SimpleRedisMutex => new LockSettings { ["format"] = SimpleRedisMutex },
        DistLock => new LockSettings { ["format"] = DistLock, ["keyPrefix"] = "lock:" },
        _ => [],
    };

    /// <summary>The connection of a preset on the backend that it is about. It counts only where the configuration says nothing of where
    /// the locks are.</summary>
    public static LockSettings ConnectionOf(string preset, string type) => (preset, type) switch
    {
        (LiveMutex, Broker) => new LockSettings { ["port"] = 6970, ["noDelay"] = true },
        (Leverege, InMemory) => new LockSettings { ["isolated"] = true },
        _ => [],
    };
}
