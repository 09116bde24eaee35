using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>Lets as many steps run at once as there are connections; the others wait for their turn, first come first served, before their
/// time limit begins.</summary>
/// <remarks>
/// A burst of locks is no sick server: what waits here is given up only when nobody gets an answer any more. A client whose connections are
/// all in use would let them wait within their limit instead, and one that is lent refuses what is too much for its queue.
/// </remarks>
[SuppressMessage("Design", "CA1001",
    Justification = "The semaphore has no wait handle: there is nothing to free, and steps may end after the store.")]
internal sealed class StepQueue(int connections, TimeSpan patience, TimeProvider time)
{
    private readonly SemaphoreSlim _free = new(connections);
    private long _lastAnswer = long.MinValue;

    /// <summary>Waits for the turn; end it with <see cref="Leave"/>.</summary>
    /// <exception cref="LockStoreException">It did not come, and no step got an answer meanwhile.</exception>
    public ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _free.Wait(0, CancellationToken.None) ? ValueTask.CompletedTask : WaitAsync(cancellationToken);
    }

    /// <summary>A server has answered: who waits may go on to wait.</summary>
    public void Answered() => Volatile.Write(ref _lastAnswer, time.GetTimestamp());

    public void Leave() => _free.Release();

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        long since = time.GetTimestamp();
        using CancellationTokenSource given = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task turn = _free.WaitAsync(given.Token);
        while (true)
        {
            TimeSpan left = Left(since);
            if (left == TimeSpan.Zero)
                break;
            using CallLimit limit = new(left, time, CancellationToken.None);
            try
            {
                await turn.WaitAsync(limit.Token).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (limit.Token.IsCancellationRequested)
            {
                // Somebody may have been answered meanwhile. The place is kept.
            }
        }

        await given.CancelAsync().ConfigureAwait(false);

        // It may have come at the last moment: then it is ours, to use or to give back.
        if (turn.IsCompletedSuccessfully)
            return;
        throw MongoFailure.Create(
            $"No connection became free, and no server answered, within {patience.TotalMilliseconds:0} ms (connectTimeout and "
                + "commandTimeout "
            + $"together, or waitQueueTimeoutMS of the URI; all {connections} connections of maxPoolSize are in use).",
            isTransient: true, mayHaveRun: false);
    }

    /// <summary>So long it may go on without a sign of life; infinite where patience has no end.</summary>
    private TimeSpan Left(long since)
    {
        if (patience == Timeout.InfiniteTimeSpan)
            return patience;
        TimeSpan left = patience - time.GetElapsedTime(Math.Max(since, Volatile.Read(ref _lastAnswer)));
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
