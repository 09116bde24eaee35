namespace Locking.Bench;

/// <summary>A way to lock, as a row of one key that many want needs it.</summary>
internal interface ILockLibrary : IAsyncDisposable
{
    /// <summary>Takes a lock that others want too, however long that takes.</summary>
    Task<IAsyncDisposable> TakeAsync(string key);
}
