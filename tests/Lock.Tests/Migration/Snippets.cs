namespace Locking.Tests.Migration;

/// <summary>The code of docs/migration.md: each block of the page stands here between two marks,
/// and runs in the tests of the forms.</summary>
internal static class Snippets
{
    public static async Task<bool> KuzzleAsync(ILock locks, Func<Task> DoWorkAsync)
    {
        // <kuzzle>
        await using BoundLock mutex = locks.Bind("lockId", new LockOptions
        {
            RetryDelay = TimeSpan.FromMilliseconds(200),   // attemptDelay
            WaitTimeout = TimeSpan.Zero,                   // timeout; Timeout.InfiniteTimeSpan for -1
            Ttl = TimeSpan.FromSeconds(5),                 // ttl
        });

        if (!await mutex.LockAsync())
            return false;
        await DoWorkAsync();
        await mutex.UnlockAsync();
        // </kuzzle>
        return true;
    }

    public static async Task LeveregeAsync(LockConfig myDefault, Func<Task> DoWorkAsync)
    {
        // <leverege>
        ILock locks = Lock.Create(@namespace: "myApp", fallback: myDefault);   // process.env.LOCK_CONFIG || myDefault
        var ttl = new LockOptions { Ttl = TimeSpan.FromMilliseconds(1000) };   // a bare TimeSpan would be the wait

        ILockHandle l = await locks.LockAsync("myKey", ttl);                   // locks myKey
        await DoWorkAsync();
        l = await l.ExtendAsync(TimeSpan.FromMilliseconds(1000));
        await l.UnlockAsync();

        l = await locks.LockNsAsync("myKey", ttl);                             // locks myApp:myKey
        await DoWorkAsync();
        await l.UnlockAsync();

        await locks.DisposeAsync();                                            // destroy()
        // </leverege>
    }

    public static async Task LiveMutexAsync(ILock locks, string key, Func<Task> DoWorkAsync)
    {
        // <live-mutex>
        ILockHandle handle = await locks.LockAsync(key);   // LockTimeoutException after maxRetries × lockRequestTimeout
        await DoWorkAsync();
        await handle.UnlockAsync();                        // or locks.UnlockAsync(key, id), from anywhere
        // </live-mutex>
    }

    public static async Task SimpleRedisMutexAsync(ILock locks, Func<Task> DoWorkAsync)
    {
        // <simple-redis-mutex>
        Func<ValueTask<UnlockOutcome>> unlock = (await locks.LockAsync("resource-name")).UnlockAsync;
        await DoWorkAsync();
        await unlock();
        // </simple-redis-mutex>
    }

    public static async Task<(ILockHandle Handle, bool Extended, UnlockOutcome Released, LockInfo? Holder)> DistLockAsync(ILock locks)
    {
        // <dist-lock>
        ILockHandle handle = await locks.LockAsync("shared-resource-name", new LockOptions { Owner = "owner-name" });

        bool extended = await locks.TryExtendAsync("shared-resource-name", handle.Id, TimeSpan.FromSeconds(10));   // extendLock
        LockInfo? holder = await locks.GetAsync("shared-resource-name");                                           // getLock
        UnlockOutcome released = await locks.UnlockAsync("shared-resource-name", handle.Id);                       // releaseLock
        // </dist-lock>
        return (handle, extended, released, holder);
    }
}
