using StackExchange.Redis;

namespace Locking;

/// <summary>Waiters that leave their lines.</summary>
internal sealed class LeavingWaiters(RedisConnection connection, KeyLayout layout)
{
    /// <summary>How long the end of a connection waits for those who leave their lines.</summary>
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private readonly HashSet<Task> _leaving = [];

    /// <summary>Takes a waiter out of the line; one that has been made the holder in this moment gives the lock to the next. Nobody waits
    /// for that: the others get over a waiter that is gone.</summary>
    /// <remarks>The id may be another waiter's, which took the watch for its own and is being granted the lock in this moment: what it has
    /// come for is left alone. Whoever renounces a lock releases it itself.</remarks>
    public void Leave(string record, string? holderId)
    {
        if (holderId is null || connection.Connected is not { } multiplexer)
            return;
        Task leaving = layout.IsNative
            ? connection.EvaluateAsync(
                ScriptSet.NativeLeave, layout.NativeKeysOf(record[layout.Prefix.Length..]).WithLine(),
                [holderId, connection.Channels.Of(layout.Channel)], CancellationToken.None)
            : LeaveCompanionAsync(multiplexer, record, holderId);
        if (leaving.IsCompleted)
        {
            TaskFaults.Forget(leaving);
            return;
        }

        lock (_gate)
            _leaving.Add(leaving);
        _ = leaving.ContinueWith(
            static (left, state) =>
            {
                _ = left.Exception;
                LeavingWaiters self = (LeavingWaiters)state!;
                lock (self._gate)
                    self._leaving.Remove(left);
            },
            this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>The same where the line is a companion of another client's record. A client that was disposed refuses at once: a fault of
    /// the task, as any other.</summary>
    private async Task LeaveCompanionAsync(IConnectionMultiplexer multiplexer, string record, string holderId) =>
        await multiplexer.GetDatabase(connection.Database).SortedSetRemoveAsync(
            new LockKeys(record).Waiters, (RedisValue[])[holderId], CommandFlags.DemandMaster).ConfigureAwait(false);

    /// <summary>Waits for those that are leaving. Not for long, where the server does not answer.</summary>
    public async Task FarewellAsync()
    {
        Task[] leaving;
        lock (_gate)
            leaving = [.. _leaving];
        await Task.WhenAll(leaving).WaitAsync(s_farewell, connection.Time, CancellationToken.None)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
