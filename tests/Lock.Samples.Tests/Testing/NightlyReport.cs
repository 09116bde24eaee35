namespace Locking.Samples.Tests.Testing;

/// <summary>Work that must stop when its lock is lost: what docs/testing.md tests.</summary>
public sealed class NightlyReport(ILock locks)
{
    public async Task RunAsync(Func<int, CancellationToken, Task> writePageAsync, CancellationToken stop = default)
    {
        await using ILockHandle handle = await locks.LockAsync("nightly-report", TimeSpan.FromMinutes(5), stop);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, handle.LostToken);
        for (int page = 1; page <= 3; page++)
            await writePageAsync(page, both.Token);
        handle.ThrowIfLost();
    }
}
