using Locking.Tests.Factory;

namespace Locking.Tests.Migration;

/// <summary>leverege's LOCK_CONFIG objects as JSON, for both of its backends.</summary>
[Collection(nameof(LockConfigVariable))]
public sealed class LeveregeConfigTests : IDisposable
{
    private const string Redis =
        """
        {
          "type": "redis",
          "connection": { "host": "127.0.0.1", "port": 6379 },
          // From RedLock
          "lockOptions": {
            "driftFactor": 0.01, // time in ms
            "retryCount":  0,
            "retryDelay":  200,
            "retryJitter":  100
          }
        }
        """;

    private readonly string? _before = Environment.GetEnvironmentVariable("LOCK_CONFIG");

    public void Dispose() => Environment.SetEnvironmentVariable("LOCK_CONFIG", _before);

    [Theory]
    [InlineData(Redis, null)]
    [InlineData($$"""{ "namespace": "myApp", "lockConfig": {{Redis}} }""", "myApp")]
    public async Task The_redis_object_works_as_it_stands_and_in_its_wrapper(string json, string? ns)
    {
        LockConfig config = await CapturingProvider.ResolveAsync(json);

        Assert.Equal(("redis", ns), (config.Type, config.Namespace));
        Assert.Equal(new LockSettings { ["host"] = "127.0.0.1", ["port"] = 6379 }, config.Connection);
        Assert.Equal(
            new LockOptions
            {
                DriftFactor = 0.01,
                RetryCount = 0,
                RetryDelay = TimeSpan.FromMilliseconds(200),
                RetryJitter = TimeSpan.FromMilliseconds(100),
            },
            config.LockOptions);
    }

    [Theory]
    [InlineData("""{ "type": "inMemory", "namespace": "myApp", "retry": 0, "delay": 100 }""")]
    [InlineData("""{ "namespace": "myApp", "lockConfig": { "type": "inMemory", "retry": 0, "delay": 100 } }""")]
    public async Task The_code_of_the_migration_page_runs_on_the_in_memory_object(string json)
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", json);
        int ran = 0;

        await Snippets.LeveregeAsync(new LockConfig { Type = "redis" }, () => Task.FromResult(ran++));

        Assert.Equal(2, ran);
    }
}
