using System.Runtime.CompilerServices;
using Locking.Conformance;

namespace Locking;

/// <summary>Whoever connects first leaves nothing of its own in the connection: no request, tenant or trace.</summary>
public sealed class ConnectionContextTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly AsyncLocal<object?> s_ambient = new();

    [Fact]
    public async Task A_connection_keeps_no_context_of_the_first_caller()
    {
        await using var locks = new StoreLock(MongoConformance.Create(server.Uri, server.SharedCollection, TimeProvider.System));
        WeakReference first = await LockOnceAsync(locks);
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !first.IsAlive;
            },
            "nobody keeps the first caller's context");
        await (await locks.LockAsync(TestStore.NewId())).UnlockAsync();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> LockOnceAsync(ILock locks)
    {
        object tenant = new object();
        await Task.Run(async () =>
        {
            s_ambient.Value = tenant;
            await using ILockHandle handle = await locks.LockAsync(TestStore.NewId());
        });
        return new WeakReference(tenant);
    }
}
