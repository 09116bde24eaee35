using Locking;

namespace AnApplication;

/// <summary>A program with implicit usings and <c>using Locking;</c> keeps the type <see cref="Lock"/> of the BCL and gets
/// <c>Lock.Create</c>.</summary>
public sealed class BothMeaningsOfLockTests
{
    private readonly Lock _gate = new();
    private int _count;

    [Fact]
    public async Task Lock_Create_and_new_Lock_compile_side_by_side()
    {
        string? before = Environment.GetEnvironmentVariable("LOCK_CONFIG");
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"inMemory"}""");
        try
        {
            await using ILock locks = Lock.Create();
            await using ILockHandle handle = await locks.LockAsync("k");
            Lock gate = new Lock();
            lock (gate)
                _count++;
            lock (_gate)
                _count++;
            using (gate.EnterScope())
                _count++;

            Assert.Equal(3, _count);
            Assert.NotNull(handle.FencingToken);
            Assert.False(gate.IsHeldByCurrentThread);
        }
        finally
        {
            Environment.SetEnvironmentVariable("LOCK_CONFIG", before);
        }
    }

    [Fact]
    public async Task Every_way_to_name_a_configuration_compiles()
    {
        await using ILock fromCode = Lock.Create(new LockConfig { Type = "inMemory" }, "app");
        await using ILock withContext = Lock.Create(new LockConfig { Type = "inMemory" }, context: LockProviderContext.Default);
        await using ILock fromJson = Lock.Create("""{"type":"inMemory","namespace":"app"}""");
        await using ILock fromEither =
            Lock.Create(LockConfig.FromEnvironment("LOCK_CONFIG_OF_NOBODY") ?? LockConfig.Parse("""{"type":"inMemory"}"""));

        Assert.Equal("app", fromCode.Namespace);
        Assert.Equal("app", fromJson.Namespace);
        Assert.Null(withContext.Namespace);
        Assert.Null(fromEither.Namespace);
    }
}
