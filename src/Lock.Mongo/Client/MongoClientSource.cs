using MongoDB.Driver;
using MongoDB.Driver.Core.Clusters;

namespace Locking;

/// <summary>The driver's client: one that was lent, or one of our own, made with the first command and closed with the store.</summary>
internal sealed class MongoClientSource : IDisposable
{
    private readonly Lock _gate = new();
    private readonly MongoClientPlan? _plan;
    private readonly bool _isOwn;
    private IMongoClient? _client;
    private Task<IMongoClient>? _making;
    private bool _disposed;

    /// <summary>A client of our own.</summary>
    public MongoClientSource(MongoClientPlan plan)
    {
        _plan = plan;
        _isOwn = true;
        Target = plan.Target;
        Servers = new MongoServers(Target);
    }

    /// <summary>Another one of our own, of settings that are ready.</summary>
    public MongoClientSource(MongoClientSettings settings, MongoTarget target)
    {
        _client = Make(settings);
        _isOwn = true;
        Target = target;
        Servers = new MongoServers(target);
    }

    /// <summary>The application's.</summary>
    public MongoClientSource(IMongoClient lent, MongoTarget target)
    {
        _client = lent;
        Target = target;
        Servers = new MongoServers(target);
    }

    public MongoTarget Target { get; }

    /// <summary>What is known of its servers.</summary>
    public MongoServers Servers { get; }

    public bool IsLent => !_isOwn;

    /// <summary>The driver's settings for another client like this one, with another target; only for one of our own.</summary>
    public ValueTask<MongoClientSettings> SettingsAsync(MongoTarget target, CancellationToken cancellationToken) =>
        _plan!.ResolveAsync(new MongoServers(target), cancellationToken);

    /// <summary>The client, made now if there is none yet.</summary>
    /// <exception cref="LockStoreException">It cannot be made: DNS does not say what a <c>mongodb+srv</c> URI needs.</exception>
    public ValueTask<IMongoClient> GetAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _client) is { } client) return ValueTask.FromResult(client);
        Task<IMongoClient> making;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            // Of two that come at once one makes it, on behalf of neither.
            using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
                making = _making ??= Observed(Task.Run(MakeAsync, CancellationToken.None));
        }

        return new ValueTask<IMongoClient>(making.WaitAsync(cancellationToken));
    }

    public void Dispose()
    {
        IMongoClient? client;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            client = _client;
        }

        if (!IsLent && client is not null) Close(client);
    }

    /// <summary>Closes a client with all its connections, which its own disposal leaves open.</summary>
    public static void Close(IMongoClient client)
    {
        ICluster cluster = client.Cluster;
        client.Dispose();
        ClusterRegistry.Instance.UnregisterAndDisposeCluster(cluster);
    }

    /// <summary>The threads that watch the servers live as long as the client: they are not to keep the context of whoever came
    /// first.</summary>
    private static MongoClient Make(MongoClientSettings settings)
    {
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow()) return new MongoClient(settings);
    }

    /// <summary>Those who wait may all have left when it fails.</summary>
    private static Task<IMongoClient> Observed(Task<IMongoClient> making)
    {
        _ = making.ContinueWith(static made => made.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return making;
    }

    private async Task<IMongoClient> MakeAsync()
    {
        try
        {
            IMongoClient client = Make(await _plan!.ResolveAsync(Servers, CancellationToken.None).ConfigureAwait(false));
            lock (_gate)
            {
                if (!_disposed)
                {
                    Volatile.Write(ref _client, client);
                    return client;
                }
            }

            Close(client);
            throw new ObjectDisposedException(nameof(MongoClientSource));
        }
        catch (Exception exception) when (exception is not ObjectDisposedException)
        {
            // Not kept: the records may be there the next time.
            lock (_gate) _making = null;
            throw MongoFailure.Create(
                $"DNS does not say where the servers of {Target} are (connection.url is a mongodb+srv URI): {exception.Message}",
                    isTransient: exception is not MongoConfigurationException, mayHaveRun: false, exception);
        }
    }
}
