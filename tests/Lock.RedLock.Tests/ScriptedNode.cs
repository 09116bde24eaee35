namespace Locking;

/// <summary>A node whose answers the test gives, and orders.</summary>
internal sealed class ScriptedNode(string name, Task<Vote> first) : IQuorumNode
{
    private readonly Task<Vote> _first = first;
    private int _asked;

    public string Name => name;

    public int Index { get; private set; }

    public int Interruptions { get; set; }

    public ILockStore Store { get; } = new YesStore();

    public bool IsReady { get; set; } = true;

    public bool IsSuspect { get; set; }

    public bool IsReadyFor(TimeSpan ttl) => IsReady;

    /// <summary>When it is ready; never, unless it is already.</summary>
    public Task Preparation { get; init; } = new TaskCompletionSource().Task;

    public Task PrepareAsync(TimeSpan ttl, CancellationToken cancellationToken) =>
        IsReady ? Task.CompletedTask : Preparation.WaitAsync(cancellationToken);

    /// <summary>Its answer from the second time on.</summary>
    public Task<Vote>? Next { get; set; }

    public int Withdrawals { get; private set; }

    public static RedLockStore StoreOf(ScriptedNode[] nodes, RedLockSettings? settings = null, TimeSpan? connectTimeout = null)
    {
        for (int i = 0; i < nodes.Length; i++)
            nodes[i].Index = i;
        var quorum = new QuorumNodes(
            nodes, settings?.Quorum, settings?.NodeTimeout, connectTimeout ?? TimeSpan.FromSeconds(5), TimeProvider.System);
        return new RedLockStore(quorum, new LockOptions(), static _ => { }, owned: new MemoryStream());
    }

    /// <summary>What ends the request for the last vote.</summary>
    public CancellationToken Ends { get; private set; }

    public void Vote(Proposal proposal, INodeAnswers<Vote> answers, int place, CancellationToken cancellationToken)
    {
        Ends = cancellationToken;
        _ = TellAsync(Interlocked.Increment(ref _asked) == 1 ? _first : Next ?? _first, answers, place);
    }

    public void Release(string key, string holderId, BallotPaper? paper, INodeAnswers<object> answers, int place) =>
        answers.Answer(place, StoreReply.Done, isShared: false);

    public void Flush()
    {
    }

    public Task<bool> RaiseTokenAsync(string key, string holderId, long token, CancellationToken cancellationToken) =>
        Task.FromResult(true);

    public Task WithdrawAsync(string key, string holderId, bool quietly, CancellationToken cancellationToken)
    {
        Withdrawals++;
        return Task.CompletedTask;
    }

    public Task<bool> HasForgottenAsync(CancellationToken cancellationToken) => Task.FromResult(false);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task TellAsync(Task<Vote> vote, INodeAnswers<Vote> answers, int place)
    {
        try
        {
            answers.Answer(place, await vote, isShared: false);
        }
        catch (Exception exception)
        {
            answers.Fail(place, exception, isShared: false);
        }
    }

    /// <summary>Says yes to whatever is asked of a lease.</summary>
    private sealed class YesStore : ILockStore
    {
        public string Type => "scripted";

        public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
            new(StoreReply.Done);

        public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
            new(StoreReply.Done);

        public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<LockInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
