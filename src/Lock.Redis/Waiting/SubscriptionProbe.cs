using StackExchange.Redis;

namespace Locking;

/// <summary>Proves that a subscription hears: a probe is published until it comes back.</summary>
/// <remarks>The probe is published by a script, as the notices are: it takes the same way, with the same name of the channel and the same
/// rights.</remarks>
internal sealed class SubscriptionProbe(RedisConnection connection, KeyLayout layout)
{
    /// <summary>How long a probe may take to come back, before another one is published.</summary>
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly string _prefix = $"\u0001probe {Guid.NewGuid():N} ";
    private TaskCompletionSource? _heard;
    private string? _text;
    private long _count;

    /// <summary>Publishes probes until one is heard.</summary>
    /// <param name="isVoid">Whether the subscription was interrupted since: then another proof is needed in any case, over another client
    /// perhaps.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False where none is heard, and the proof is void.</returns>
    /// <exception cref="TimeoutException">None is heard, although the server takes them.</exception>
    /// <exception cref="NoticesRefusedException">This user may not publish there.</exception>
    public async Task<bool> ProveAsync(Func<bool> isVoid, CancellationToken cancellationToken)
    {
        long until = connection.Time.GetTimestamp();
        while (true)
        {
            var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            string text;
            lock (_gate)
            {
                text = _text = layout.ProbeOf(_prefix + ++_count);
                _heard = heard;
            }

            if (await PublishAsync(text, cancellationToken).ConfigureAwait(false) is { Length: > 0 } reason)
                throw new NoticesRefusedException(reason.Trim(), null);
            try
            {
                await heard.Task.WaitAsync(s_moment, connection.Time, cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (TimeoutException) when (isVoid())
            {
                return false;
            }
            catch (TimeoutException) when (connection.Time.GetElapsedTime(until) < connection.CommandTimeout)
            {
                // Published before the subscription stood, or to a server that is on its way out: ask again.
            }
        }
    }

    /// <summary>Asks whether this user may publish there at all.</summary>
    /// <returns>Why the server does not allow it; empty when it does.</returns>
    public Task<string> AskAsync(CancellationToken cancellationToken) => PublishAsync(layout.ProbeOf(_prefix), cancellationToken);

    /// <summary>Whether a message is the probe that is waited for.</summary>
    public bool Takes(RedisValue message)
    {
        TaskCompletionSource heard;
        lock (_gate)
        {
            if (_heard is not { } waiting || (string?)message != _text)
                return false;
            heard = waiting;
            _heard = null;
        }

        heard.TrySetResult();
        return true;
    }

    /// <summary>Publishes as the scripts do.</summary>
    private Task<string> PublishAsync(string text, CancellationToken cancellationToken) => connection.EvaluateAsync(
        ScriptSet.Publish, [], [connection.Channels.Of(layout.Channel), text], static answer => (string?)answer ?? "", cancellationToken);
}
