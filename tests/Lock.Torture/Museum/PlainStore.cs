namespace Locking.Torture;

/// <summary>A store around a store, with the five steps and no optional ability. Derive from it what should go differently.</summary>
public class PlainStore(ILockStore inner) : ILockStore
{
    /// <summary>The store inside.</summary>
    protected ILockStore Inner { get; } = inner;

    /// <inheritdoc/>
    public string Type => "museum";

    /// <summary>A right store over a table of memory.</summary>
    public static PlainStore Right(InMemoryLockTable table) => new(new InMemoryLockStore(table));

    /// <inheritdoc/>
    public virtual ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        Inner.TryAcquireAsync(request, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        Inner.TryExtendAsync(key, holderId, ttl, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        Inner.TryReleaseAsync(key, holderId, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) => Inner.GetAsync(key, cancellationToken);

    /// <inheritdoc/>
    public virtual IAsyncEnumerable<LockInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
        Inner.ListAsync(prefix, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Inner.DisposeAsync();
    }

    /// <summary>Whoever holds it holds it no more.</summary>
    protected async ValueTask<StoreReply> RemoveAsync(string key, CancellationToken cancellationToken) =>
        await Inner.GetAsync(key, cancellationToken) is { } held
            ? await Inner.TryReleaseAsync(key, held.Id, cancellationToken)
            : StoreReply.NotHeld;
}
