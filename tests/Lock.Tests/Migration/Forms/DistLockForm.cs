namespace Locking.Tests.Migration.Forms;

/// <summary>dist-lock: properties of the lock, release and extend by id, look-up.</summary>
public abstract class DistLockForm : SystemForm
{
    [Fact]
    public async Task A_lock_has_id_key_owner_attempt_and_delay()
    {
        await using ILock locks = Create("""{"preset":"dist-lock"}""");
        string key = NewKey();

        await using ILockHandle handle = await locks.LockAsync(key, new LockOptions { Owner = "owner-name" });

        Assert.Equal((key, "owner-name", 1), (handle.Key, handle.Owner, handle.AcquiredOnAttempt));
        Assert.NotEmpty(handle.Id);
        Assert.InRange(handle.AcquireDelay, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.InRange(handle.Remaining, TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_limited_number_of_attempts_ends_without_a_lock()
    {
        await using ILock locks = Create("""{"preset":"dist-lock","lockOptions":{"retryDelay":10,"maxRetries":2}}""");
        string key = NewKey();
        await using ILockHandle held = await locks.LockAsync(key);

        Assert.Null(await locks.TryLockAsync(key, new LockOptions { RetryCount = 2 }));
        LockTimeoutException problem = await Assert.ThrowsAsync<LockTimeoutException>(async () => await locks.LockAsync(key));

        Assert.Equal(3, problem.Attempts);
    }

    [Fact]
    public async Task Release_and_extend_take_the_id_and_refuse_another()
    {
        await using ILock locks = Create("""{"preset":"dist-lock"}""");
        string key = NewKey();
        string stranger = Guid.NewGuid().ToString();
        await using ILockHandle handle = await locks.LockAsync(key);

        Assert.False(await locks.TryExtendAsync(key, stranger, TimeSpan.FromSeconds(5)));
        Assert.NotEqual(UnlockOutcome.Released, await locks.UnlockAsync(key, stranger));
        Assert.True(await locks.TryExtendAsync(key, handle.Id, TimeSpan.FromSeconds(60)));
        Assert.InRange((await locks.GetAsync(key))!.Remaining, TimeSpan.FromSeconds(31), TimeSpan.FromSeconds(60));
        Assert.Equal(UnlockOutcome.Released, await locks.UnlockAsync(key, handle.Id));
        Assert.False(await locks.TryExtendAsync(key, handle.Id, TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Look_up_gives_the_holder_or_null()
    {
        await using ILock locks = Create("""{"preset":"dist-lock"}""");
        string key = NewKey();
        Assert.Null(await locks.GetAsync(key));
        await using ILockHandle handle = await locks.LockAsync(key, new LockOptions { Owner = "me" });

        LockInfo info = (await locks.GetAsync(key))!;

        Assert.Equal((key, handle.Id, "me"), (info.Key, info.Id, info.Owner));
    }

    [Fact]
    public async Task The_code_of_the_migration_page_runs()
    {
        await using ILock locks = Create("""{"preset":"dist-lock"}""");

        (ILockHandle handle, bool extended, UnlockOutcome released, LockInfo? holder) = await Snippets.DistLockAsync(locks);

        Assert.True(extended);
        Assert.Equal(UnlockOutcome.Released, released);
        Assert.Equal(("owner-name", handle.Id), (holder!.Owner, holder.Id));
    }
}
