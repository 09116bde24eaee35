using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A Valkey server for a class of tests.</summary>
public sealed class ValkeyFixture : RedisFixture
{
    protected override Task<RedisServer> StartAsync() => ValkeyServer.StartAsync();
}

/// <summary>The store over Valkey.</summary>
public sealed class ValkeyConformanceTests(ValkeyFixture valkey)
    : RedisConformance(valkey, LockFormats.Native), IClassFixture<ValkeyFixture>;

/// <summary>The whole lock over Valkey, fair.</summary>
public sealed class ValkeyWholeLockTests(ValkeyFixture valkey) : RedisWholeLock(valkey, fair: true), IClassFixture<ValkeyFixture>
{
    /// <summary>What the other tests of this class run on.</summary>
    [Fact]
    public async Task The_server_is_a_Valkey() =>
        Assert.Contains("server_name:valkey", (string)(await valkey.Server.CommandAsync("INFO", "server"))!, StringComparison.Ordinal);
}
