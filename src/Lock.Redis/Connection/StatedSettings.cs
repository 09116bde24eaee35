using StackExchange.Redis;

namespace Locking;

/// <summary>Puts together what an address says, what stands beside it, and what several servers share.</summary>
/// <remarks>
/// What is nearer to the server wins over what is shared: the address and the settings beside it are equally near, and contradict each
/// other nowhere. User and password are one pair: whoever has one of them has both, and takes nothing of the shared ones.
/// </remarks>
internal static class StatedSettings
{
    /// <summary>Applies them.</summary>
    /// <param name="options">What the address says.</param>
    /// <param name="own">The settings beside it.</param>
    /// <param name="shared">Those of all servers; or null.</param>
    /// <param name="path">Where <paramref name="own"/> stands, for messages.</param>
    /// <exception cref="LockConfigException">The address and the settings beside it contradict each other.</exception>
    public static void Apply(ConfigurationOptions options, RedisLockSettings own, RedisLockSettings? shared, string path)
    {
        // Whoever is named there is nobody's secret, but may be a password in the wrong place.
        string? user = Once(options.User, own.Username, path + ".username", "names another user than the url: give it once.");
        string? password = Once(options.Password, own.Password, path + ".password", "is another one than the url's: give it once.");
        (user, password) = user is null && password is null ? (shared?.Username, shared?.Password) : (user, password);
        // Every server takes the default user's password without a name.
        options.User = user is "default" ? null : user;
        options.Password = password;

        if (options.Ssl && own.Tls is false)
            throw new LockConfigException(path + ".tls", "is false, and the url asks for TLS: give it once.");
        options.Ssl = options.Ssl || (own.Tls ?? shared?.Tls ?? false);
        if (options.DefaultDatabase is { } stated && own.Db is { } db && stated != db)
            throw new LockConfigException(path + ".db", $"is {db}, and the url says {stated}: give it once.");
        options.DefaultDatabase = options.DefaultDatabase ?? own.Db ?? shared?.Db;
    }

    private static string? Once(string? stated, string? own, string path, string contradiction) =>
        string.IsNullOrEmpty(stated) || own is null || stated == own ? own ?? stated : throw new LockConfigException(path, contradiction);
}
