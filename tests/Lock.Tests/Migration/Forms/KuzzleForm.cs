namespace Locking.Tests.Migration.Forms;

/// <summary>Kuzzle: a mutex object of one key, whose lock() answers with a boolean.</summary>
public abstract class KuzzleForm : SystemForm
{
    [Fact]
    public async Task Lock_is_true_then_false_for_the_other_then_true_after_unlock()
    {
        await using ILock locks = Create("""{"preset":"kuzzle","lockOptions":{"attemptDelay":20,"timeout":0,"ttl":5000}}""");
        string key = NewKey();
        await using BoundLock mine = locks.Bind(key);
        await using BoundLock other = locks.Bind(key);

        Assert.True(await mine.LockAsync());
        Assert.Equal(key, mine.Handle!.Key);
        Assert.False(await other.LockAsync());
        Assert.Equal(UnlockOutcome.Released, await mine.UnlockAsync());
        Assert.True(await other.LockAsync());
    }

    [Fact]
    public async Task With_a_timeout_of_minus_one_lock_waits_until_the_mutex_is_free()
    {
        await using ILock locks = Create("""{"preset":"kuzzle","lockOptions":{"attemptDelay":20,"timeout":-1}}""");
        string key = NewKey();
        await using BoundLock mine = locks.Bind(key);
        await using BoundLock other = locks.Bind(key);
        Assert.True(await mine.LockAsync());

        Task<bool> waiting = other.LockAsync().AsTask();
        Assert.False(waiting.IsCompleted);
        await mine.UnlockAsync();

        Assert.True(await waiting.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task With_a_timeout_lock_is_false_when_it_has_passed()
    {
        await using ILock locks = Create("""{"preset":"kuzzle","lockOptions":{"attemptDelay":20,"timeout":60}}""");
        string key = NewKey();
        await using BoundLock mine = locks.Bind(key);
        await using BoundLock other = locks.Bind(key);
        Assert.True(await mine.LockAsync());

        Assert.False(await other.LockAsync());
    }

    [Fact]
    public async Task The_ttl_frees_the_mutex_since_it_is_never_renewed()
    {
        await using ILock locks = Create("""{"preset":"kuzzle","lockOptions":{"attemptDelay":20,"ttl":50}}""");
        string key = NewKey();
        await using BoundLock mine = locks.Bind(key);
        await using BoundLock other = locks.Bind(key);
        Assert.True(await mine.LockAsync());

        Assert.True(await other.LockAsync());

        Assert.Equal(LostReason.Expired, mine.Handle!.LostReason);
        Assert.NotEqual(UnlockOutcome.Released, await mine.UnlockAsync());
    }

    [Fact]
    public async Task The_code_of_the_migration_page_runs()
    {
        await using ILock locks = Create("""{"preset":"kuzzle"}""");
        int ran = 0;

        Assert.True(await Snippets.KuzzleAsync(locks, () => Task.FromResult(ran++)));

        Assert.Equal(1, ran);
        Assert.Null(await locks.GetAsync("lockId"));
    }
}
