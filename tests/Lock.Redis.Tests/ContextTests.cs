using System.Runtime.CompilerServices;
using Locking.Testing;

namespace Locking;

/// <summary>Who comes first pays for nobody else: what is long-lived keeps nothing of its caller's context.</summary>
public sealed class ContextTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private static readonly AsyncLocal<object?> s_request = new();

    [Fact]
    public async Task A_connection_keeps_nothing_of_the_request_that_made_it()
    {
        var locks = new StoreLock(NewStore());
        await using var others = new StoreLock(NewStore());
        WeakReference request = await ServeAsync(locks, others, NewKey());
        for (int i = 0; i < 50 && request.IsAlive; i++)
        {
            await Task.Delay(20);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(request.IsAlive, "the context of the first caller is kept");
        await locks.DisposeAsync();
    }

    /// <summary>A request that connects, waits, listens and releases.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> ServeAsync(StoreLock locks, StoreLock others, string key)
    {
        ILockHandle away = await others.LockAsync(key);
        return await Task.Run(async () =>
        {
            s_request.Value = new object();
            var reference = new WeakReference(s_request.Value);
            Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
            await Task.Delay(50);
            await away.UnlockAsync();
            await (await waiting).UnlockAsync();
            s_request.Value = null;
            return reference;
        });
    }
}
