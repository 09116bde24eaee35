using System.Threading.Channels;
using StackExchange.Redis;

namespace Locking;

/// <summary>Runs steps that count only when so many replicas have them: each batch of steps is followed by one WAIT.</summary>
/// <remarks>
/// <para>WAIT blocks its connection and covers only what was written on it, so this has a connection of its own, and steps that come while
/// a WAIT is under way go together into the next batch: with a replica down, all of them wait once and not one after the other.</para>
/// <para>A client that connects again between a step and its WAIT would have the WAIT answered for nothing. The connection's id is asked
/// before the steps and after the WAIT; where it differs, nothing is confirmed.</para>
/// </remarks>
internal sealed class ReplicatedWriter : IAsyncDisposable
{
    private const int LargestBatch = 256;

    private readonly RedisConnection _connection;
    private readonly int _replicas;
    private readonly TimeSpan _timeout;
    private readonly Channel<Pending> _pending = Channel.CreateUnbounded<Pending>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;

    public ReplicatedWriter(RedisConnection connection, int replicas, TimeSpan timeout)
    {
        _connection = connection;
        _replicas = replicas;
        _timeout = timeout;
        _loop = DetachedFlow.Start(() => Task.Run(RunAsync, CancellationToken.None));
    }

    /// <summary>Runs a step, and waits for the replicas if it has changed something.</summary>
    /// <returns>The step's answer, and how many replicas have it; that is <c>int.MaxValue</c> for a step that changed nothing.</returns>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public async Task<(RedisResult Answer, int Replicas)> EvaluateAsync(
        RedisScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, bool> hasChanged, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = new Pending(script, keys, values, hasChanged);
        // Whoever gives up leaves its fault to nobody.
        TaskFaults.Forget(pending.Done.Task);
        if (!_pending.Writer.TryWrite(pending))
            throw RedisFaults.Disposed();
        return await pending.Done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        _pending.Writer.TryComplete();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        var batch = new List<Pending>();
        try
        {
            while (await _pending.Reader.WaitToReadAsync(_stopping.Token).ConfigureAwait(false))
            {
                batch.Clear();
                while (batch.Count < LargestBatch && _pending.Reader.TryRead(out Pending? next))
                    batch.Add(next);
                await RunAsync(batch).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }

        while (_pending.Reader.TryRead(out Pending? left))
            left.Done.TrySetException(RedisFaults.Disposed());
        foreach (Pending left in batch)
            left.Done.TrySetException(RedisFaults.Disposed());
    }

    private async Task RunAsync(List<Pending> batch)
    {
        try
        {
            Task<RedisResult> before = _connection.ExecuteAsync("CLIENT", ["ID"], TimeSpan.Zero, _stopping.Token);
            List<Task<RedisResult>> steps = batch.ConvertAll(
                step => _connection.EvaluateAsync(step.Script, step.Keys, step.Values, _stopping.Token));
            await Task.WhenAll(steps.Select(TaskFaults.Settled)).ConfigureAwait(false);
            int confirmed = 0;
            if (await HasChangedAsync(batch, steps).ConfigureAwait(false))
            {
                Task<RedisResult> wait = _connection.ExecuteAsync(
                    "WAIT", [_replicas, RecordSteps.Milliseconds(_timeout)], _timeout, _stopping.Token);
                Task<RedisResult> after = _connection.ExecuteAsync("CLIENT", ["ID"], _timeout, _stopping.Token);
                await Task.WhenAll(TaskFaults.Settled(before), TaskFaults.Settled(wait), TaskFaults.Settled(after)).ConfigureAwait(false);
                if (before.IsCompletedSuccessfully && wait.IsCompletedSuccessfully && after.IsCompletedSuccessfully &&
                    (long)await before.ConfigureAwait(false) == (long)await after.ConfigureAwait(false))
                {
                    confirmed = (int)await wait.ConfigureAwait(false);
                }
            }
            else
            {
                await TaskFaults.Settled(before).ConfigureAwait(false);
            }

            for (int i = 0; i < batch.Count; i++)
                await CompleteAsync(batch[i], steps[i], confirmed).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            foreach (Pending step in batch)
                step.Done.TrySetException(RedisFaults.Wrap(exception, step.Script.Step, _connection.Server));
        }
    }

    private static async Task CompleteAsync(Pending step, Task<RedisResult> answer, int confirmed)
    {
        try
        {
            RedisResult result = await answer.ConfigureAwait(false);
            step.Done.TrySetResult((result, step.HasChanged(result) ? confirmed : int.MaxValue));
        }
        catch (Exception exception)
        {
            step.Done.TrySetException(exception);
        }
    }

    private static async Task<bool> HasChangedAsync(List<Pending> batch, List<Task<RedisResult>> steps)
    {
        for (int i = 0; i < batch.Count; i++)
        {
            if (steps[i].IsCompletedSuccessfully && batch[i].HasChanged(await steps[i].ConfigureAwait(false)))
                return true;
        }

        return false;
    }

    private sealed record Pending(RedisScript Script, RedisKey[] Keys, RedisValue[] Values, Func<RedisResult, bool> HasChanged)
    {
        public TaskCompletionSource<(RedisResult Answer, int Replicas)> Done { get; } = new(
            TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
