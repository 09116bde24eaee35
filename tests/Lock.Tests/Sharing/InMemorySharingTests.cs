using Locking.Tests.Factory;
using Microsoft.Extensions.DependencyInjection;

namespace Locking.Tests.Sharing;

/// <summary>A program that locks in memory excludes itself, however often and wherever it makes its locks.</summary>
[Collection(nameof(LockConfigVariable))]
public sealed class InMemorySharingTests : IDisposable
{
    private static readonly LockConfig s_inMemory = new() { Type = "inMemory" };

    private readonly string? _before = Environment.GetEnvironmentVariable("LOCK_CONFIG");

    public InMemorySharingTests() => Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"inMemory"}""");

    public void Dispose() => Environment.SetEnvironmentVariable("LOCK_CONFIG", _before);

    [Fact]
    public async Task The_sample_of_README_in_a_method_that_is_called_twenty_times_at_once_has_one_holder_at_a_time()
    {
        string key = $"orders/{Guid.NewGuid():N}";
        (int holders, int most, List<long?> tokens) = (0, 0, new List<long?>());
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(UpdateAsync)));

        Assert.Equal(1, most);
        Assert.Equal(tokens.Order(), tokens);
        Assert.Equal(20, tokens.Distinct().Count());

        async Task UpdateAsync()
        {
            await using ILock locks = Lock.Create(@namespace: "myApp");
            await using ILockHandle handle = await locks.LockNsAsync(key);
            most = Math.Max(most, Interlocked.Increment(ref holders));
            tokens.Add(handle.FencingToken);
            await Task.Yield();
            Interlocked.Decrement(ref holders);
        }
    }

    [Fact]
    public async Task Of_twenty_that_try_at_once_one_has_it()
    {
        string key = $"orders/{Guid.NewGuid():N}";
        int asked = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool[] had = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(TryAsync)));

        Assert.Equal(1, had.Count(static one => one));

        async Task<bool> TryAsync()
        {
            await using ILock locks = Lock.Create(@namespace: "myApp");
            await using ILockHandle? handle = await locks.TryLockNsAsync(key);
            if (Interlocked.Increment(ref asked) == 20)
                all.SetResult();
            await all.Task;
            return handle is not null;
        }
    }

    [Fact]
    public async Task Locks_of_containers_and_of_keys_exclude_each_other_too()
    {
        string key = $"orders/{Guid.NewGuid():N}";
        await using ServiceProvider one = new ServiceCollection().AddLock().AddKeyedLock("keyed", s_inMemory).BuildServiceProvider();
        await using ServiceProvider two = new ServiceCollection().AddLock(s_inMemory).BuildServiceProvider();
        await using ILock locks = Lock.Create();
        await using ILockHandle handle = await one.GetRequiredService<ILock>().LockAsync(key);

        Assert.Null(await one.GetRequiredKeyedService<ILock>("keyed").TryLockAsync(key));
        Assert.Null(await two.GetRequiredService<ILock>().TryLockAsync(key));
        Assert.Null(await locks.TryLockAsync(key));
    }

    [Theory]
    [InlineData("""{"type":"inMemory","connection":{"isolated":true}}""")]
    [InlineData("""{"type":"inMemory","preset":"leverege"}""")]
    public async Task Locks_that_ask_for_it_have_a_table_of_their_own(string json)
    {
        await using ILock one = Lock.Create(json);
        await using ILock two = Lock.Create(json);

        Assert.NotNull(await one.TryLockAsync("k"));
        Assert.NotNull(await two.TryLockAsync("k"));
    }

    [Fact]
    public async Task The_preset_leverege_shares_a_table_that_is_named()
    {
        const string Json = """{"type":"inMemory","preset":"leverege","connection":{"name":"leverege-shared"}}""";
        await using ILock one = Lock.Create(Json);
        await using ILock two = Lock.Create(Json);

        Assert.NotNull(await one.TryLockAsync("k"));
        Assert.Null(await two.TryLockAsync("k"));
    }

    [Theory]
    [InlineData("""{"type":"redis","connection":{"name":"a"}}""", "connection.name")]
    [InlineData("""{"type":"broker","connection":{"isolated":true}}""", "connection.isolated")]
    [InlineData("""{"type":"inMemory","connection":{"name":"a","isolated":true}}""", "connection.isolated")]
    public void Names_and_isolation_are_for_locks_in_memory(string json, string path) =>
        Assert.Equal(path, Assert.Throws<LockConfigException>(() => Lock.Create(json)).Path);
}
