namespace Locking;

/// <summary>The objects of a configuration.</summary>
internal static class ConfigNames
{
    public const string Connection = "connection";
    public const string LockOptions = "lockOptions";

    /// <summary>The object that wraps a whole configuration.</summary>
    public const string LockConfig = "lockConfig";
}
