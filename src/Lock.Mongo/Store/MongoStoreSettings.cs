namespace Locking;

/// <summary>Where the locks are and how they are written.</summary>
internal sealed record MongoStoreSettings
{
    /// <summary>How far a server's clock may step back without tokens repeating.</summary>
    public static readonly TimeSpan DefaultRetention = TimeSpan.FromHours(1);

    /// <summary>Where commands go, as far as it is known; for messages, limits and the diagnosis.</summary>
    public MongoTarget? Target { get; init; }

    public string Database { get; init; } = "locks";

    public string Collection { get; init; } = "locks";

    /// <summary>"majority", or a number of members.</summary>
    public string WriteConcern { get; init; } = "majority";

    /// <summary>Stands before each key in <c>_id</c>.</summary>
    public string KeyPrefix { get; init; } = "";

    /// <summary>How long a key's token counter outlives the lock.</summary>
    public TimeSpan FenceRetention { get; init; } = DefaultRetention;

    /// <summary>Limit of one command; the members have three quarters of it to confirm a write.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Limit of one step with all its repeats.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
