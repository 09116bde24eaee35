using Locking;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace AnOlderApplication;

/// <summary>Everything that is a static extension member in C# 14 has a plain name: this project is compiled as C# 13.</summary>
public sealed class PlainNamesTests : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable("LOCK_CONFIG");

    public void Dispose() => Environment.SetEnvironmentVariable("LOCK_CONFIG", _before);

    [Fact]
    public async Task The_factory_has_a_plain_name()
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"inMemory"}""");
        {
            // <older>
            await using ILock locks = LockFactory.Create(@namespace: "myApp");
            // </older>
            await using ILockHandle handle = await locks.LockNsAsync("k");
            Assert.Equal("myApp:k", handle.Key);
        }

        Environment.SetEnvironmentVariable("LOCK_CONFIG", null);
        Assert.Throws<LockConfigException>(() => LockFactory.Create());
        await using ILock fromJson = LockFactory.Create("""{"type":"inMemory"}""");
        await using ILock byDefault = LockFactory.Create(fallback: new LockConfig { Type = "inMemory" });
    }

    [Fact]
    public async Task Configurations_are_read_by_plain_names()
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"inMemory","namespace":"variable"}""");
        IConfigurationRoot settings =
            new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("Lock:type", (string?)"inMemory")]).Build();

        Assert.Equal("inMemory", LockConfigExtensions.Parse("""{"type":"inMemory"}""").Type);
        Assert.Equal("variable", LockConfigExtensions.FromEnvironment()?.Namespace);
        Assert.Equal("inMemory", LockConfigExtensions.FromConfiguration(settings)?.Type);
        await using ServiceProvider services = new ServiceCollection().AddLock().AddKeyedLock("a", settings).BuildServiceProvider();
        Assert.Equal("variable", services.GetRequiredService<ILock>().Namespace);
        Assert.NotNull(services.GetRequiredKeyedService<ILock>("a"));
    }
}
