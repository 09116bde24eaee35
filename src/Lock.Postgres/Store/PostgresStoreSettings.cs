namespace Locking;

/// <summary>Where the locks are, and what may be done there.</summary>
internal sealed record PostgresStoreSettings
{
    /// <summary>How far a server's clock may step back without tokens repeating.</summary>
    public static readonly TimeSpan DefaultRetention = TimeSpan.FromHours(1);

    /// <summary>The table's name as it stands in statements, quoted.</summary>
    public string Table { get; init; } = "\"locks\"";

    /// <summary>Whether the table is made when it is missing.</summary>
    public bool CreateTable { get; init; } = true;

    /// <summary>How long a key's token outlives the lock.</summary>
    public TimeSpan FenceRetention { get; init; } = DefaultRetention;

    /// <summary>Limit of one step: of connecting and of the statement together.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Server and database, for messages.</summary>
    public string Target { get; init; } = "";
}
