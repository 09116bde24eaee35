namespace Locking.InMemory.Tests.Leases;

/// <summary>
/// A token that the holder has taken already is signalled by the force itself. <see cref="ILockHandle.LostToken"/> looks for a loss
/// whenever it is read, so a test that reads it again would see a signal that nobody sent.
/// </summary>
public sealed class ForcedSignalTests
{
    [Fact]
    public async Task Force_signals_the_token_that_the_holder_has()
    {
        await using var locks = new InMemoryLock(table: new InMemoryLockTable());
        await using ILockHandle handle = await locks.LockAsync("k");
        CancellationToken lost = handle.LostToken;
        int heard = 0;
        await using CancellationTokenRegistration registration = lost.Register(() => Interlocked.Increment(ref heard));
        Assert.True(await locks.ForceUnlockAsync("k"));
        await Conformance.Eventually.TrueAsync(() => Volatile.Read(ref heard) == 1, "the callback");
        Assert.True(lost.IsCancellationRequested);
    }

    [Fact]
    public async Task The_end_of_the_lock_object_signals_the_token_that_the_holder_has()
    {
        var locks = new InMemoryLock(table: new InMemoryLockTable());
        await using ILockHandle handle = await locks.LockAsync("k");
        CancellationToken lost = handle.LostToken;
        await locks.DisposeAsync();
        await Conformance.Eventually.TrueAsync(() => lost.IsCancellationRequested, "the signal");
    }
}
