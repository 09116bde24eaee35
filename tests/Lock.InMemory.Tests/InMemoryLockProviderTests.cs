namespace Locking.InMemory.Tests;

public sealed class InMemoryLockProviderTests
{
    private readonly InMemoryLockProvider _provider = new();

    [Fact]
    public async Task Makes_locks_with_the_options_and_the_namespace_of_the_configuration()
    {
        Assert.Equal("inMemory", _provider.Type);
        var config = new LockConfig { Namespace = "app", LockOptions = new LockOptions { Owner = "me", Ttl = TimeSpan.FromMinutes(5) } };
        await using ILock locks = _provider.CreateLock(config, LockProviderContext.Default);
        await using ILockHandle handle = await locks.LockNsAsync("k");
        Assert.Equal(("app:k", "me"), (handle.Key, handle.Owner));
        Assert.InRange(handle.Remaining, TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Each_isolated_store_has_its_own_state()
    {
        var config = new LockConfig { Connection = new LockSettings { ["isolated"] = true } };
        await using ILockStore one = _provider.CreateStore(config, LockProviderContext.Default);
        await using ILockStore two = _provider.CreateStore(config, LockProviderContext.Default);
        Assert.Equal("inMemory", one.Type);
        foreach (ILockStore? store in new[] { one, two })
        {
            var request = new AcquireRequest("k", Guid.NewGuid().ToString(), "me", TimeSpan.FromMinutes(1));
            Assert.True((await store.TryAcquireAsync(request, CancellationToken.None)).IsGranted);
        }
    }

    [Fact]
    public void A_connection_is_refused_without_showing_secrets()
    {
        var config = new LockConfig { Connection = new LockSettings { ["host"] = "example", ["password"] = "hush" } };
        LockConfigException refused = Assert.Throws<LockConfigException>(() => _provider.CreateLock(config, LockProviderContext.Default));
        Assert.Equal("connection.host", refused.Path);
        Assert.Contains("Allowed here: name, isolated", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", refused.Message, StringComparison.Ordinal);
        Assert.Throws<LockConfigException>(() => _provider.CreateStore(config, LockProviderContext.Default));
    }
}
