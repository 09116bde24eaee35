using System.Text.Json;
using Locking.Samples.FileStore;

namespace Locking.Samples.Tests;

public sealed class FileLockProviderTests : IDisposable
{
    private readonly LockDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_configuration_of_type_file_makes_locks_in_that_directory()
    {
        await using ILock locks = Lock.Create(
            $$"""{ "type": "file", "connection": { "directory": {{JsonSerializer.Serialize(_directory.Path)}} }, "namespace": "myApp" }""",
            providers: [new FileLockProvider()]);
        await using ILockHandle handle = await locks.LockNsAsync("orders/42");
        Assert.Equal("myApp:orders/42", handle.Key);
        await using var store = new FileLockStore(_directory.Path);
        Assert.Equal(handle.Id, (await store.GetAsync("myApp:orders/42", CancellationToken.None))?.Id);
    }

    [Fact]
    public void A_configuration_without_a_directory_is_refused_by_name()
    {
        LockConfigException refused =
            Assert.Throws<LockConfigException>(() => Lock.Create(new LockConfig { Type = "file" }, providers: [new FileLockProvider()]));
        Assert.Equal("connection.directory", refused.Path);
    }

    [Fact]
    public async Task A_record_that_was_damaged_is_a_fault_and_not_a_free_lock()
    {
        await using var store = new FileLockStore(_directory.Path);
        var request = new AcquireRequest("k", Guid.NewGuid().ToString(), "tester", TimeSpan.FromMinutes(1));
        await store.TryAcquireAsync(request, CancellationToken.None);
        foreach (string file in Directory.GetFiles(_directory.Path, "*.json"))
            await File.WriteAllTextAsync(file, "{ half a reco");
        LockStoreException fault =
            await Assert.ThrowsAsync<LockStoreException>(async () => await store.TryAcquireAsync(request, CancellationToken.None));
        Assert.False(fault.IsTransient);
        Assert.IsType<JsonException>(fault.InnerException);
    }
}
