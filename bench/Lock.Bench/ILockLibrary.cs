namespace Locking.Bench;

/// <summary>A way to lock.</summary>
internal interface ILockLibrary : IAsyncDisposable
{
    /// <summary>Takes a lock that others want too, however long that takes.</summary>
    /// <param name="key">The lock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Takes a free lock and gives it back, so many times.</summary>
    async Task CycleAsync(string key, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            IAsyncDisposable held = await TakeAsync(key);
            await held.DisposeAsync();
        }
    }
}
