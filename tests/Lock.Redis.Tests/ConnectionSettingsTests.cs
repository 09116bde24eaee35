namespace Locking;

/// <summary>What <c>connection</c> may say, and how a mistake is answered.</summary>
public sealed class ConnectionSettingsTests
{
    private const string Secret = "s3cret";

    public static TheoryData<RedisLockSettings, string, string> Mistakes => new()
    {
        { new() { Port = 0 }, "connection.port", "1 to 65535" },
        { new() { CommandTimeout = TimeSpan.Zero }, "connection.commandTimeout", "1 to 10,000 days" },
        { new() { Format = "other" }, "lockOptions.format", "dist-lock" },
        { new() { NoDelay = false }, "connection.noDelay", "true" },
        { new() { Url = "redis://h", Host = "h" }, "connection", "by host and port, by url" },
        { new() { Url = $"http://user:{Secret}@h" }, "connection.url", "redis://" },
        { new() { Url = $"redis://:{Secret}@h/x" }, "connection.url", "database number" },
        { new() { Url = $"redis://:{Secret}@h?a=b" }, "connection.url", "no query" },
        { new() { Url = $"redis://:{Secret}@" }, "connection.url", "redis://" },
        { new() { Url = $"h:1,password={Secret},nonsense=1" }, "connection.url", "StackExchange.Redis" },
        { new() { Url = $"password={Secret}" }, "connection.url", "names no server" },
        { new() { Url = "h:1", Username = "u" }, "connection.username", "user=" },
        { new() { Path = "/run/redis.sock", Port = 1 }, "connection", "by host and port, by path" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_names_the_setting_and_shows_no_secret(RedisLockSettings connection, string path, string says)
    {
        LockConfigException exception = Assert.Throws<LockConfigException>(() => Create(connection));
        Assert.Equal(path, exception.Path);
        Assert.Contains(says, exception.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Secret, exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("redis://h", "h:6379")]
    [InlineData("redis://h:7000", "h:7000")]
    [InlineData("rediss://h:7000/2", "h:7000")]
    [InlineData("redis://[::1]:7000", "[::1]:7000")]
    [InlineData("h", "h:6379")]
    [InlineData("h:7000,i:7001,abortConnect=false", "h:7000, i:7001")]
    public void Urls_and_the_clients_own_form_name_the_server(string url, string server) =>
        Assert.Equal($"Redis at {server}", RedisConnector.From(new RedisLockSettings { Url = url }).Server);

    [Fact]
    public void Nothing_set_is_this_machine() =>
        Assert.Equal("Redis at 127.0.0.1:6379", RedisConnector.From(new RedisLockSettings()).Server);

    private static void Create(RedisLockSettings connection) =>
        new RedisLockProvider().CreateStore(connection);
}
