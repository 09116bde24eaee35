namespace Locking;

/// <summary>One waiter's watch over all nodes. Tells when a majority has given notice, or a moment after the first.</summary>
/// <remarks>A holder's release reaches the nodes one after the other: whoever asks at the first notice finds a majority still
/// held.</remarks>
internal sealed class QuorumWatch : IReleaseWatch
{
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly int _quorum;
    private readonly LatchedNotice _notice;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<int> _noticed = [];
    private readonly Task[] _listeners;
    private readonly ITimer _momentOver;
    private LockStoreException? _fault;
    private int _listening;
    private int _failed;

    private QuorumWatch(IReadOnlyList<IReleaseSignal> nodes, string key, int quorum, TimeProvider time)
    {
        _quorum = quorum;
        _notice = new LatchedNotice(time);
        _momentOver = time.CreateTimer(
            static watch => ((QuorumWatch)watch!).Latch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // Whoever gives up waiting for it leaves its fault to nobody.
        TaskFaults.Forget(_began.Task);
        _listeners = DetachedFlow.Start(
            () => nodes.Select((node, index) => Task.Run(() => ListenAsync(node, key, index, nodes.Count))).ToArray());
    }

    /// <summary>Starts listening; done when a majority listens. The others join when they can.</summary>
    /// <exception cref="LockStoreException">Too few nodes can be listened to.</exception>
    public static async Task<QuorumWatch> BeginAsync(QuorumNodes nodes, string key, CancellationToken cancellationToken)
    {
        var watch = new QuorumWatch([.. nodes.All.Select(static node => (IReleaseSignal)node.Store)], key, nodes.Needed, nodes.Time);
        try
        {
            await watch._began.Task.WaitAsync(nodes.ConnectTimeout, nodes.Time, cancellationToken).ConfigureAwait(false);
            return watch;
        }
        catch (Exception exception)
        {
            await watch.DisposeAsync().ConfigureAwait(false);
            if (exception is TimeoutException)
                throw new LockStoreException(
                    $"Too few nodes can be listened to; {nodes.Needed} are needed.", isTransient: true, watch._fault);
            throw;
        }
    }

    public ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken) => _notice.WaitAsync(atMost, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _momentOver.DisposeAsync().ConfigureAwait(false);
        // They end by themselves; a node that does not answer must not hold up whoever got the lock.
        _ = Task.WhenAll(_listeners).ContinueWith(
            static (_, source) => ((CancellationTokenSource)source!).Dispose(), _stopping, CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task ListenAsync(IReleaseSignal node, string key, int index, int nodes)
    {
        try
        {
            IReleaseWatch watch = await node.WatchAsync(key, _stopping.Token).ConfigureAwait(false);
            await using (watch.ConfigureAwait(false))
            {
                Joined();
                while (true)
                {
                    if (await watch.WaitAsync(Timeout.InfiniteTimeSpan, _stopping.Token).ConfigureAwait(false))
                        Noticed(index);
                }
            }
        }
        catch (LockStoreException exception)
        {
            lock (_gate)
            {
                _fault = exception;
                if (nodes - ++_failed >= _quorum)
                    return;
            }

            _began.TrySetException(exception);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // The watch has ended.
        }
    }

    /// <summary>One more node is listened to. With a majority of them no release goes unheard.</summary>
    private void Joined()
    {
        lock (_gate)
        {
            if (++_listening < _quorum)
                return;
        }

        _began.TrySetResult();
    }

    private void Noticed(int node)
    {
        lock (_gate)
        {
            if (!_noticed.Add(node) || _noticed.Count < _quorum)
            {
                if (_noticed.Count == 1 && !_stopping.IsCancellationRequested)
                    _momentOver.Change(s_moment, Timeout.InfiniteTimeSpan);
                return;
            }
        }

        Latch();
    }

    private void Latch()
    {
        lock (_gate)
            _noticed.Clear();
        _notice.Give();
    }
}
