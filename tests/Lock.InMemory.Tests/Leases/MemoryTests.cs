namespace Locking.InMemory.Tests.Leases;

/// <summary>What locks cost in the heap. Runs when nothing else of this assembly does: the collector counts everybody's objects.</summary>
[Collection(nameof(MemoryTests))]
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
public sealed class MemoryTests
{
    private const int Keys = 100_000;

    [Fact]
    public async Task Held_keys_take_little_memory_and_idle_keys_none()
    {
        using var table = new InMemoryLockTable();
        await using var locks = new InMemoryLock(table: table);
        string[] keys = Enumerable.Range(0, Keys).Select(i => $"key/{i}").ToArray();
        var handles = new ILockHandle?[Keys];
        await HoldAllAsync(locks, keys, handles); // code, tables and pools of the first time
        await ReleaseAllAsync(handles);

        long before = HeapSize();
        await HoldAllAsync(locks, keys, handles);
        Assert.Equal(Keys, locks.Table.KeyCount);
        long held = HeapSize() - before;
        await ReleaseAllAsync(handles);
        long left = HeapSize() - before;

        Assert.InRange((double)held / Keys, 100, 300);
        Assert.Equal(0, locks.Table.KeyCount);
        Assert.InRange(locks.Table.Capacity, 0, 4096); // the buckets are given back as well, but for a few of each part of the table
        Assert.InRange((double)left / Keys, -5, 5);
        GC.KeepAlive(keys);
    }

    [Fact]
    public async Task Keys_that_were_used_once_leave_nothing()
    {
        using var table = new InMemoryLockTable();
        await using var locks = new InMemoryLock(table: table);
        await UseOnceAsync(locks, "warm");
        long before = HeapSize();
        await UseOnceAsync(locks, "used");
        Assert.Equal(0, locks.Table.KeyCount);
        Assert.InRange((double)(HeapSize() - before) / Keys, -5, 5);
    }

    private static async Task UseOnceAsync(InMemoryLock locks, string name)
    {
        for (int i = 0; i < Keys; i++)
            await (await locks.LockAsync($"{name}/{i}")).DisposeAsync();
    }

    private static async Task HoldAllAsync(InMemoryLock locks, string[] keys, ILockHandle?[] handles)
    {
        for (int i = 0; i < handles.Length; i++)
            handles[i] = await locks.LockAsync(keys[i]);
    }

    private static async Task ReleaseAllAsync(ILockHandle?[] handles)
    {
        foreach (ILockHandle? handle in handles)
            await handle!.DisposeAsync();
        Array.Clear(handles);
    }

    private static long HeapSize()
    {
        // Twice: what has a finalizer goes with the second one.
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
