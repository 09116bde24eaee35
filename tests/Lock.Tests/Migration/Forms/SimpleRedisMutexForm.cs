namespace Locking.Tests.Migration.Forms;

/// <summary>simple-redis-mutex: a function that unlocks, locks that never expire.</summary>
public abstract class SimpleRedisMutexForm : SystemForm
{
    [Fact]
    public async Task A_lock_never_expires_and_its_function_unlocks_it()
    {
        await using ILock locks = Create("""{"preset":"simple-redis-mutex"}""");
        string key = NewKey();

        ILockHandle handle = await locks.LockAsync(key);
        Func<ValueTask<UnlockOutcome>> unlock = handle.UnlockAsync;

        Assert.Equal(TimeSpan.MaxValue, handle.Remaining);
        Assert.Equal(TimeSpan.MaxValue, (await locks.GetAsync(key))!.Remaining);
        Assert.Equal(UnlockOutcome.Released, await unlock());
        Assert.Null(await locks.GetAsync(key));
    }

    [Fact]
    public async Task With_failAfterMillis_a_busy_lock_is_an_exception()
    {
        await using ILock locks = Create(
            """{"preset":"simple-redis-mutex","lockOptions":{"retryTimeMillis":10,"timeoutMillis":5000,"failAfterMillis":50}}""");
        string key = NewKey();
        await using ILockHandle held = await locks.LockAsync(key);

        await Assert.ThrowsAsync<LockTimeoutException>(async () => await locks.LockAsync(key));

        Assert.InRange(held.Remaining, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task One_lock_can_be_taken_with_other_options_each_time()
    {
        await using ILock locks = Create("""{"preset":"simple-redis-mutex"}""");
        string key = NewKey();

        await using (ILockHandle expiring = await locks.LockAsync(key, new LockOptions { Ttl = TimeSpan.FromSeconds(5) }))
            Assert.InRange(expiring.Remaining, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        await using ILockHandle lasting = await locks.LockAsync(key);

        Assert.Equal(TimeSpan.MaxValue, lasting.Remaining);
    }

    [Fact]
    public async Task The_code_of_the_migration_page_runs()
    {
        await using ILock locks = Create("""{"preset":"simple-redis-mutex"}""");
        LockInfo? during = null;

        await Snippets.SimpleRedisMutexAsync(locks, async () => during = await locks.GetAsync("resource-name"));

        Assert.NotNull(during);
        Assert.Null(await locks.GetAsync("resource-name"));
    }
}
