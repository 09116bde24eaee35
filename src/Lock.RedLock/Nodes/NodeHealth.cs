namespace Locking;

/// <summary>What is known of a server: whether it is ready to vote in this life, and whether it answers.</summary>
/// <remarks>
/// A server that failed to answer twice in a row is suspect: as long as the others suffice it is asked nothing but whether it is there,
/// so that a dead or frozen one costs neither time nor a growing heap of requests.
/// </remarks>
internal sealed class NodeHealth : IAsyncDisposable
{
    private const int FailuresToSuspect = 2;
    private static readonly TimeSpan s_probeInterval = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private readonly RedisVoter _voter;
    private readonly Admission _admission;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private Task? _preparing;
    private Task? _probing;
    private int _failures;
    private int _life;
    private TimeSpan _wanted;
    private volatile Readiness? _readiness;

    public NodeHealth(RedisVoter voter, Admission admission, TimeProvider time)
    {
        _voter = voter;
        _admission = admission;
        _time = time;
        // A connection that was lost may come back to another life of the server, with a memory that is older than its votes.
        voter.Store.Connection.Interrupted += Forget;
    }

    /// <summary>What it is ready for; null when it has to be admitted first.</summary>
    public Readiness? Readiness => _readiness;

    public bool IsSuspect => Volatile.Read(ref _failures) >= FailuresToSuspect;

    /// <summary>How often the connection was interrupted, or the server found to have forgotten.</summary>
    public int Interruptions => Volatile.Read(ref _life);

    /// <summary>The server has to be admitted anew.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _life++;
            _readiness = null;
        }
    }

    /// <summary>The server has another note than this by now, or none: it has to be admitted anew.</summary>
    public void Forget(string note)
    {
        lock (_gate)
        {
            // Whoever asked before somebody else found that out has nothing to forget.
            if (_readiness?.Note != note)
                return;
            _life++;
            _readiness = null;
        }
    }

    /// <summary>Whether leases of this length may be asked for now.</summary>
    public bool IsReadyFor(TimeSpan ttl) => _readiness is { } readiness && readiness.Covers(ttl, _time);

    /// <summary>Makes the server ready for leases of this length; whoever comes meanwhile waits for the same.</summary>
    /// <exception cref="LockStoreException">No answer, or it may not vote yet.</exception>
    public async Task PrepareAsync(TimeSpan ttl, CancellationToken cancellationToken)
    {
        while (!IsReadyFor(ttl))
        {
            Task preparing;
            lock (_gate)
            {
                _wanted = _wanted > ttl ? _wanted : ttl;
                if (_preparing is not { IsCompleted: false } pending)
                    _preparing = pending = DetachedFlow.Start(() => Task.Run(PrepareAsync, CancellationToken.None));
                preparing = pending;
            }

            // Whoever gives up leaves the watch behind, and its fault to nobody.
            Task<bool> watched = WatchAsync(Counted(preparing));
            TaskFaults.Forget(watched);
            await watched.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The server has answered.</summary>
    public void Answered()
    {
        if (Volatile.Read(ref _failures) != 0)
            Volatile.Write(ref _failures, 0);
    }

    /// <summary>Watches a request to the server, and remembers whether it was answered.</summary>
    public async Task<T> WatchAsync<T>(Task<T> request)
    {
        try
        {
            T? answer = await request.ConfigureAwait(false);
            Volatile.Write(ref _failures, 0);
            return answer;
        }
        catch (LockStoreException)
        {
            Failed();
            throw;
        }
    }

    /// <summary>A request was not answered in the time it was given.</summary>
    public void Failed()
    {
        if (Interlocked.Increment(ref _failures) < FailuresToSuspect)
            return;
        lock (_gate)
        {
            if (_probing is not { IsCompleted: false } && !_stopping.IsCancellationRequested)
                _probing = DetachedFlow.Start(() => Task.Run(ProbeAsync, CancellationToken.None));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _voter.Store.Connection.Interrupted -= Forget;
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task? probing;
        lock (_gate)
            probing = _probing;
        if (probing is not null)
            await probing.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static async Task<bool> Counted(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private async Task PrepareAsync()
    {
        while (true)
        {
            int life;
            TimeSpan ttl;
            lock (_gate)
            {
                life = _life;
                ttl = _wanted;
                // A longer one that is on record is kept there as long as it is used.
                if (_readiness is { } before && before.Covers(before.Ttl, _time) && before.Ttl > ttl)
                    ttl = before.Ttl;
            }

            Readiness readiness = await _admission.PrepareAsync(_voter, ttl, _stopping.Token).ConfigureAwait(false);
            lock (_gate)
            {
                // Interrupted meanwhile: what was read may be of an earlier life.
                if (life != _life)
                    continue;
                _readiness = readiness;
                if (_wanted <= ttl)
                    _wanted = TimeSpan.Zero;
                return;
            }
        }
    }

    private async Task ProbeAsync()
    {
        try
        {
            while (true)
            {
                try
                {
                    await _voter.PingAsync(_stopping.Token).ConfigureAwait(false);
                    Volatile.Write(ref _failures, 0);
                    return;
                }
                catch (LockStoreException)
                {
                    await Task.Delay(s_probeInterval, _time, _stopping.Token).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // The store was disposed.
        }
    }
}
