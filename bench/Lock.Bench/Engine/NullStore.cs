using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Locking.Bench.Engine;

/// <summary>How a backend that costs nothing answers.</summary>
internal enum Answers
{
    /// <summary>Before the step returns.</summary>
    AtOnce,

    /// <summary>On the thread pool.</summary>
    OnPool,

    /// <summary>From a thread that has to be woken, over the thread pool, as one over a network does.</summary>
    FromThread,
}

/// <summary>A backend that costs nothing: every lock is free, every step succeeds. What is left is the engine.</summary>
internal sealed class NullStore : ILockStore
{
    private readonly BlockingCollection<TaskCompletionSource>? _asked;
    private readonly Answers _answers;
    private long _token;

    public NullStore(Answers answers)
    {
        _answers = answers;
        if (answers != Answers.FromThread)
            return;
        _asked = [];
        new Thread(AnswerAll) { IsBackground = true, Name = "null store" }.Start();
    }

    public string Type => "null";

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        if (_answers != Answers.AtOnce)
            await AnswerAsync();
        return AcquireReply.Granted(Interlocked.Increment(ref _token));
    }

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (_answers != Answers.AtOnce)
            await AnswerAsync();
        return StoreReply.Done;
    }

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        if (_answers != Answers.AtOnce)
            await AnswerAsync();
        return StoreReply.Done;
    }

    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) => default;

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        yield break;
    }

    public ValueTask DisposeAsync()
    {
        _asked?.CompleteAdding();
        return ValueTask.CompletedTask;
    }

    private Task AnswerAsync()
    {
        var answer = new TaskCompletionSource();
        if (_asked is not null)
            _asked.Add(answer);
        else
            ThreadPool.UnsafeQueueUserWorkItem(static a => a.SetResult(), answer, preferLocal: false);
        return answer.Task;
    }

    private void AnswerAll()
    {
        foreach (var answer in _asked!.GetConsumingEnumerable())
            ThreadPool.UnsafeQueueUserWorkItem(static a => a.SetResult(), answer, preferLocal: false);
    }
}
