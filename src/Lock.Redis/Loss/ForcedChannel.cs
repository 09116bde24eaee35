using StackExchange.Redis;

namespace Locking;

/// <summary>The one subscription of a process to locks that were taken away by force.</summary>
/// <remarks>
/// <para>It begins with the connection, and only where somebody listens: the steps themselves know nothing of it. A process that waits
/// for nothing hears of forced locks alone, and not of every release on the server; so this is a channel of its own.</para>
/// <para>A hint: what is missed while the connection is broken, or where the user may not subscribe, is noticed by the next renewal.</para>
/// </remarks>
internal sealed class ForcedChannel(TimeSpan commandTimeout, TimeProvider time)
{
    /// <summary>The channel. A message is the holder's id, a space, and the record.</summary>
    public const string Name = "lock:forced";

    /// <summary>A connection that is being made waits so long for the subscription, so that nothing that is granted over it is forced
    /// unheard.</summary>
    private static readonly TimeSpan s_longestWait = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private Action<string, string>? _listeners;
    private IConnectionMultiplexer? _multiplexer;
    private IConnectionMultiplexer? _subscribedTo;

    /// <summary>Raised with the record and the holder's id. Handlers return at once.</summary>
    public event Action<string, string> Forced
    {
        add
        {
            lock (_gate)
                _listeners += value;
            _ = DetachedFlow.Start(() => Task.Run(ListenAsync, CancellationToken.None));
        }
        remove
        {
            lock (_gate)
                _listeners -= value;
        }
    }

    /// <summary>There is a connection.</summary>
    public async Task OnConnectedAsync(IConnectionMultiplexer multiplexer)
    {
        lock (_gate)
            _multiplexer = multiplexer;
        try
        {
            await ListenAsync().WaitAsync(s_longestWait, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It goes on in the background.
        }
    }

    /// <summary>A connection was lost or came back: what failed is tried again. The client itself renews what stood.</summary>
    public void OnInterrupted() => _ = DetachedFlow.Start(() => Task.Run(ListenAsync, CancellationToken.None));

    /// <summary>Stops listening. The client may be the application's: it keeps no handler of ours.</summary>
    public void Stop()
    {
        IConnectionMultiplexer? multiplexer;
        lock (_gate)
        {
            _listeners = null;
            multiplexer = _subscribedTo;
            _multiplexer = _subscribedTo = null;
        }

        if (multiplexer is not null)
            Unsubscribe(multiplexer);
    }

    private static RedisChannel Channel => RedisChannel.Literal(Name);

    private async Task ListenAsync()
    {
        IConnectionMultiplexer multiplexer;
        IConnectionMultiplexer? before;
        lock (_gate)
        {
            if (ReferenceEquals(_subscribedTo, _multiplexer) || _listeners is null || _multiplexer is null)
                return;
            before = _subscribedTo;
            multiplexer = _subscribedTo = _multiplexer;
        }

        if (before is not null)
            Unsubscribe(before);
        try
        {
            await Subscriptions.ReadyAsync(multiplexer, Channel, commandTimeout, time, CancellationToken.None).ConfigureAwait(false);
            await multiplexer.GetSubscriber().SubscribeAsync(Channel, OnMessage).ConfigureAwait(false);
            // Stopped, or moved to another client meanwhile, before there was a handler to take back.
            if (!IsSubscribedTo(multiplexer))
                Unsubscribe(multiplexer);
        }
        catch (Exception)
        {
            // No subscription, no hint: renewals tell, later. The next interruption tries again, with a handler of its own.
            lock (_gate)
            {
                if (ReferenceEquals(_subscribedTo, multiplexer))
                    _subscribedTo = null;
            }

            Unsubscribe(multiplexer);
        }
    }

    private bool IsSubscribedTo(IConnectionMultiplexer multiplexer)
    {
        lock (_gate)
            return ReferenceEquals(_subscribedTo, multiplexer);
    }

    private void Unsubscribe(IConnectionMultiplexer multiplexer) => Subscriptions.End(multiplexer, Channel, OnMessage);

    private void OnMessage(RedisChannel channel, RedisValue message)
    {
        Action<string, string>? listeners;
        lock (_gate)
            listeners = _listeners;
        string text = (string?)message ?? "";
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space > 0)
            listeners?.Invoke(text[(space + 1)..], text[..space]);
    }
}
