namespace Locking.Tests.Migration.Forms;

/// <summary>live-mutex: so many requests with so much time each, unlock by key and id.</summary>
public abstract class LiveMutexForm : SystemForm
{
    [Fact]
    public async Task A_request_gives_up_after_maxRetries_times_lockRequestTimeout()
    {
        await using ILock locks = Create("""{"preset":"live-mutex","lockOptions":{"ttl":11000,"lockRequestTimeout":30,"maxRetries":2}}""");
        string key = NewKey();
        await using ILockHandle held = await locks.LockAsync(key, TimeSpan.FromSeconds(30));

        LockTimeoutException problem = await Assert.ThrowsAsync<LockTimeoutException>(async () => await locks.LockAsync(key));

        Assert.True(problem.Waited >= TimeSpan.FromMilliseconds(60), problem.Message);
    }

    [Fact]
    public async Task Key_and_id_unlock_from_anywhere()
    {
        await using ILock locks = Create("""{"preset":"live-mutex"}""");
        string key = NewKey();
        ILockHandle handle = await locks.LockAsync(key);

        Assert.NotEqual(UnlockOutcome.Released, await locks.UnlockAsync(key, Guid.NewGuid().ToString()));
        Assert.Equal(UnlockOutcome.Released, await locks.UnlockAsync(handle.Key, handle.Id));
        await using ILockHandle? next = await locks.TryLockAsync(key);
        Assert.NotNull(next);
    }

    [Fact]
    public async Task Force_unlocks_without_an_id()
    {
        await using ILock locks = Create("""{"preset":"live-mutex"}""");
        string key = NewKey();
        await using ILockHandle handle = await locks.LockAsync(key);

        Assert.True(await locks.ForceUnlockAsync(key));
        Assert.Null(await locks.GetAsync(key));
    }

    [Fact]
    public async Task The_code_of_the_migration_page_runs()
    {
        await using ILock locks = Create("""{"preset":"live-mutex"}""");
        string key = NewKey();
        LockInfo? during = null;

        await Snippets.LiveMutexAsync(locks, key, async () => during = await locks.GetAsync(key));

        Assert.Equal(key, during!.Key);
        Assert.Null(await locks.GetAsync(key));
    }
}
