namespace Locking.Conformance;

/// <summary>A store around a store that records what its user may rely on: each lease from the answer until its ttl after the request was
/// sent.</summary>
/// <remarks>Made with <see cref="Over(ILockStore, LockHistory)"/>.</remarks>
public class RecordingLockStore : DelegatingLockStore
{
    private readonly LockHistory _history;

    /// <summary>Use <see cref="Over(ILockStore, LockHistory)"/>.</summary>
    protected RecordingLockStore(ILockStore inner, LockHistory history)
        : base(inner)
    {
        _history = history;
    }

    /// <summary>Records what goes through.</summary>
    public static RecordingLockStore Over(ILockStore inner, LockHistory history) => Over<RecordingLockStore>(inner, history);

    /// <inheritdoc/>
    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        TimeSpan sent = _history.Now;
        return Record(request, sent, await base.TryAcquireAsync(request, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public override async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        TimeSpan sent = _history.Now;
        return Record(request, sent, await base.AcquireAsync(request, atMost, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public override async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl,
        CancellationToken cancellationToken)
    {
        TimeSpan sent = _history.Now;
        bool before = Tokens.TryGetValue((key, holderId), out long? token);
        // A shorter lease may be applied even if its answer never comes. A longer one counts only when it is confirmed.
        _history.Ends(key, holderId, End(sent, ttl), forGood: false);
        StoreReply reply = await base.TryExtendAsync(key, holderId, ttl, cancellationToken).ConfigureAwait(false);
        if (reply == StoreReply.Done && before)
            _history.Granted(key, holderId, token, End(sent, ttl));
        else if (reply != StoreReply.Done)
            _history.Ends(key, holderId, _history.Now);
        return reply;
    }

    /// <inheritdoc/>
    public override ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        _history.Ends(key, holderId, _history.Now);
        return base.TryReleaseAsync(key, holderId, cancellationToken);
    }

    private System.Collections.Concurrent.ConcurrentDictionary<(string Key, string Id), long?> Tokens { get; } = new();

    private static TimeSpan End(TimeSpan sent, TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : sent + ttl;

    private AcquireReply Record(AcquireRequest request, TimeSpan sent, AcquireReply reply)
    {
        if (reply.IsGranted)
        {
            Tokens[(request.Key, request.HolderId)] = reply.FencingToken;
            _history.Granted(request.Key, request.HolderId, reply.FencingToken, End(sent + reply.QueuedFor, request.Ttl));
        }

        return reply;
    }
}
