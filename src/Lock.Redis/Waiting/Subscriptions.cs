using StackExchange.Redis;

namespace Locking;

/// <summary>Subscribes with a client whose connection for subscriptions may still be on its way.</summary>
internal static class Subscriptions
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits until the client can subscribe: its first connection is ready a little before the second.</summary>
    /// <returns>False when it still cannot at the end of the limit.</returns>
    public static async Task<bool> ReadyAsync(
        IConnectionMultiplexer multiplexer, RedisChannel channel, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        ISubscriber subscriber = multiplexer.GetSubscriber();
        long began = time.GetTimestamp();
        Backoff pauses = new(s_shortest, s_longest);
        while (!subscriber.IsConnected(channel))
        {
            if (time.GetElapsedTime(began) >= limit)
                return false;
            await Task.Delay(pauses.Next(), time, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>Takes a handler back, whatever has become of the client.</summary>
    public static void End(IConnectionMultiplexer multiplexer, RedisChannel channel, Action<RedisChannel, RedisValue> handler)
    {
        try
        {
            TaskFaults.Forget(multiplexer.GetSubscriber().UnsubscribeAsync(channel, handler, CommandFlags.FireAndForget));
        }
        catch (ObjectDisposedException)
        {
            // Then it has no handlers any more.
        }
    }

    /// <summary>Takes a handler back that is only just given: as soon as the client knows what became of the subscription. One that is
    /// taken back before stays subscribed at the server, without a handler.</summary>
    public static void EndAfter(
        Task subscribing, IConnectionMultiplexer multiplexer, RedisChannel channel, Action<RedisChannel, RedisValue> handler) =>
        _ = subscribing.ContinueWith(
            ended =>
            {
                _ = ended.Exception;
                End(multiplexer, channel, handler);
            },
            CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
}
