namespace Locking;

/// <summary>The backends that a configuration can name without registering anything.</summary>
internal static class BackendTypes
{
    public const string InMemory = "inMemory";
    public const string Broker = "broker";
    public const string Redis = "redis";
    public const string RedLock = "redLock";
    public const string Mongo = "mongo";

    public static IReadOnlyList<string> All { get; } = [InMemory, Broker, Redis, RedLock, Mongo];

    /// <summary>The usual spelling of a type, or the text itself for a backend of somebody else.</summary>
    public static string Canonical(string type) =>
        All.FirstOrDefault(known => string.Equals(known, type, StringComparison.OrdinalIgnoreCase)) ?? type;
}
