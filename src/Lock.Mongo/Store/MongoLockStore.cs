using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Locks in a MongoDB collection, one document per key, decided by the server's clock.</summary>
/// <remarks>
/// Waiting is polling. Who waits stands in a line in the key's document (<see cref="MongoLine"/>), a release makes the first of it the
/// holder, and a busy answer tells each when to ask again (<see cref="WaiterPace"/>). Each call is one step (<see cref="MongoStep"/>): it
/// waits for a connection, and has a limit; a command of it that failed in a way that may pass is repeated within that.
/// </remarks>
internal sealed class MongoLockStore : ILockStore, IQueueingStore, IForceReleaseStore, IStoreDiagnostics
{
    public const string TypeName = "mongo";

    private readonly IMongoCommandRunner _runner;
    private readonly MongoStoreSettings _settings;
    private readonly MongoAcquisitions _acquisitions;
    private readonly MongoLeases _leases;
    private readonly MongoReleases _releases;
    private readonly MongoLookUps _lookUps;
    private readonly StepQueue _queue;
    private readonly TimeProvider _time;
    private readonly IDisposable? _owned;
    private volatile bool _disposed;

    /// <summary>Creates the store.</summary>
    /// <param name="runner">Where commands go.</param>
    /// <param name="settings">Where the locks are.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="owned">Disposed with the store.</param>
    public MongoLockStore(IMongoCommandRunner runner, MongoStoreSettings settings, TimeProvider time, IDisposable? owned = null)
    {
        _runner = runner;
        _settings = settings;
        _queue = new StepQueue(settings.Target?.MaxConnections ?? 100, settings.Target?.QueueTimeout ?? settings.StepTimeout, time);
        _time = time;
        _owned = owned;

        MongoLockCommands commands = new(settings);
        CrowdedGrants crowded = new();
        _leases = new MongoLeases(commands);
        _lookUps = new MongoLookUps(settings, commands);
        _acquisitions = new MongoAcquisitions(settings, commands, _leases, crowded, time);
        _releases = new MongoReleases(commands, _lookUps, crowded);
    }

    public string Type => TypeName;

    public bool IsQueueing => true;

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        return await StepAsync(step => _acquisitions.AcquireAsync(request, step), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        return await StepAsync(
            async step => MongoLockDocument.Answer(await _leases.ExtendAsync(key, holderId, ttl, step).ConfigureAwait(false), holderId),
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        return await StepAsync(step => _releases.ReleaseAsync(key, holderId, step), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        return await StepAsync(step => _releases.ForceReleaseAsync(key, step), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        return await StepAsync(
            async step => _lookUps.Info(await _lookUps.ReadAsync(key, step).ConfigureAwait(false)), cancellationToken)
            .ConfigureAwait(false);
    }

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? last = null;
        while (true)
        {
            IReadOnlyList<MongoLockDocument> page =
                await StepAsync(step => _lookUps.PageAsync(prefix, last, step), cancellationToken).ConfigureAwait(false);
            foreach (MongoLockDocument document in page)
            {
                if (_lookUps.Info(document) is { } info && info.Key.StartsWith(prefix, StringComparison.Ordinal)) yield return info;
            }

            if (page.Count < MongoLockCommands.PageSize) yield break;
            last = page[^1].Id;
        }
    }

    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        return await StepAsync(new MongoExamination(_settings, _runner as IMongoMembers, _time).RunAsync, cancellationToken)
            .ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        _owned?.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<T> StepAsync<T>(Func<MongoStep, ValueTask<T>> step, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await _queue.EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using var limited = new MongoStep(_runner, _settings, _queue, _time, cancellationToken);
            return await limited.RunAsync(step).ConfigureAwait(false);
        }
        finally
        {
            _queue.Leave();
        }
    }
}
