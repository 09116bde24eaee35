namespace Locking.Tests.Migration.Forms;

/// <summary>leverege: LOCK_CONFIG, a namespace, lock, lockNs, extend, destroy.</summary>
public abstract class LeveregeForm : SystemForm
{
    private const string Wrapped = """{"namespace":"myApp","lockConfig":{"type":"inMemory","retry":0,"delay":100}}""";

    [Fact]
    public async Task Lock_takes_the_key_and_lockNs_the_key_with_its_namespace()
    {
        await using ILock locks = Create(Wrapped);
        string key = NewKey();

        await using ILockHandle plain = await locks.LockAsync(key, Ttl(5));
        await using ILockHandle named = await locks.LockNsAsync(key, Ttl(5));

        Assert.Equal((key, $"myApp:{key}"), (plain.Key, named.Key));
    }

    [Fact]
    public async Task A_retry_of_zero_is_one_attempt_that_fails_with_an_exception()
    {
        await using ILock locks = Create(Wrapped);
        string key = NewKey();
        await using ILockHandle held = await locks.LockAsync(key, Ttl(5));

        LockTimeoutException problem = await Assert.ThrowsAsync<LockTimeoutException>(async () => await locks.LockAsync(key, Ttl(5)));

        Assert.Equal(1, problem.Attempts);
    }

    [Fact]
    public async Task A_negative_retry_waits_until_the_lock_is_free()
    {
        await using ILock locks = Create("""{"type":"inMemory","namespace":"myApp","retry":-7,"delay":20}""");
        string key = NewKey();
        ILockHandle held = await locks.LockAsync(key, Ttl(5));

        Task<ILockHandle> waiting = locks.LockAsync(key, Ttl(5)).AsTask();
        await held.UnlockAsync();

        await using ILockHandle handle = await waiting.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(key, handle.Key);
    }

    [Fact]
    public async Task Extend_gives_the_lock_to_use_from_then_on()
    {
        await using ILock locks = Create(Wrapped);
        ILockHandle l = await locks.LockAsync(NewKey(), Ttl(1));

        l = await l.ExtendAsync(TimeSpan.FromSeconds(60));

        Assert.InRange(l.Remaining, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60));
        Assert.Equal(UnlockOutcome.Released, await l.UnlockAsync());
    }

    [Fact]
    public async Task Destroy_gives_back_what_is_held()
    {
        string key = NewKey();
        ILock locks = Create(Wrapped);
        ILockHandle handle = await locks.LockAsync(key, Ttl(60));

        await locks.DisposeAsync();

        Assert.Equal(LostReason.LockDisposed, handle.LostReason);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.LockAsync(key));
    }

    private static LockOptions Ttl(double seconds) => new() { Ttl = TimeSpan.FromSeconds(seconds) };
}
