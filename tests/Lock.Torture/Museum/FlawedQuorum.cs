namespace Locking.Torture;

/// <summary>Three stores that vote. A node that does not answer is taken off the count,
/// so that one vote of one may be a majority.</summary>
internal sealed class MajorityOfAnswers(ILockStore[] nodes) : PlainStore(nodes[0])
{
    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        List<AcquireReply> votes = await AskAsync(node => node.TryAcquireAsync(request, cancellationToken));
        if (votes.Count(static vote => vote.IsGranted) * 2 > votes.Count)
            return AcquireReply.Granted(votes.Where(static vote => vote.IsGranted).Max(static vote => vote.FencingToken));
        await AskAsync(node => node.TryReleaseAsync(request.Key, request.HolderId, cancellationToken));
        return AcquireReply.Busy(null);
    }

    public override async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl,
        CancellationToken cancellationToken)
    {
        List<StoreReply> votes = await AskAsync(node => node.TryExtendAsync(key, holderId, ttl, cancellationToken));
        return votes.Count(static vote => vote == StoreReply.Done) * 2 > votes.Count ? StoreReply.Done : StoreReply.NotHeld;
    }

    public override async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        List<StoreReply> votes = await AskAsync(node => node.TryReleaseAsync(key, holderId, cancellationToken));
        return votes.Contains(StoreReply.Done) ? StoreReply.Done : StoreReply.NotHeld;
    }

    private async Task<List<T>> AskAsync<T>(Func<ILockStore, ValueTask<T>> step)
    {
        List<T> votes = [];
        foreach (ILockStore node in nodes)
        {
            try
            {
                votes.Add(await step(node));
            }
            catch (LockStoreException)
            {
                // No vote.
            }
        }

        return votes.Count > 0 ? votes : throw new LockStoreException("no node answers", isTransient: true);
    }
}

/// <summary>A server that loses its leases when it restarts, and then grants nothing for a ttl; but the end of a second life in that time
/// ends the pause as well. It restarts now and then, mostly twice in a row.</summary>
internal sealed class PauseThatASecondRestartEnds : PlainStore
{
    private readonly Server _server;

    public PauseThatASecondRestartEnds(Server server)
        : base(server.Store) => _server = server;

    public override ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        _server.IsPaused ? throw new LockStoreException("starting", isTransient: true) : Life.TryAcquireAsync(request, cancellationToken);

    public override ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        Life.TryExtendAsync(key, holderId, ttl, cancellationToken);

    public override ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        Life.TryReleaseAsync(key, holderId, cancellationToken);

    private ILockStore Life => _server.Store;

    internal sealed class Server : IDisposable
    {
        private readonly Timer _restarts;
        private readonly long _ttl;
        private long _pausedUntil;
        private int _lives;

        public Server(TimeSpan ttl)
        {
            _ttl = ttl.Ticks;
            _restarts = new Timer(_ => Restart(), null, ttl * 2, ttl * 1.5);
        }

        public ILockStore Store { get; private set; } = PlainStore.Right(new InMemoryLockTable());

        public bool IsPaused => HistoryLog.Now < Volatile.Read(ref _pausedUntil);

        public void Dispose() => _restarts.Dispose();

        private void Restart()
        {
            Volatile.Write(ref _pausedUntil, HistoryLog.Now + _ttl);
            Store = PlainStore.Right(new InMemoryLockTable());
            if (++_lives % 2 == 0)
                Volatile.Write(ref _pausedUntil, 0);
        }
    }
}
