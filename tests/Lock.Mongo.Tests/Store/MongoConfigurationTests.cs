using System.Text.Json;

namespace Locking;

/// <summary>The backend as a user meets it: by configuration alone.</summary>
public sealed class MongoConfigurationTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task A_json_configuration_is_all_that_it_takes()
    {
        string json = $$"""
            {"type":"mongo","connection":{"url":{{JsonSerializer.Serialize(server.Uri)}},"database":"lock_tests",
                           "collection":"{{server.SharedCollection}}","writeConcern":"majority",
                           "connectTimeout":"30s","commandTimeout":"30s"},
             "lockOptions":{"ttl":20000,"keyPrefix":"p/","fenceRetention":"10s"},"namespace":"app"}
            """;
        await using ILock locks = Lock.Create(json);
        await using ILock others = Lock.Create(json);
        await using ILockHandle handle = await locks.LockNsAsync("orders/42");
        Assert.Equal("app:orders/42", handle.Key);
        Assert.NotNull(handle.FencingToken);
        Assert.Null(await others.TryLockNsAsync("orders/42"));
        Assert.Equal(handle.Id, (await others.GetAsync("app:orders/42"))!.Id);
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    }

    [Fact]
    public void A_mistake_in_the_url_is_named_when_the_lock_is_made()
    {
        LockConfigException exception = Assert.Throws<LockConfigException>(
            () => Lock.Create("""{"type":"mongo","connection":{"url":"mongodb://u:s3cret@h/?repliacSet=x"}}"""));
        Assert.Equal("connection.url", exception.Path);
        Assert.Contains("did you mean 'replicaSet'", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }
}
