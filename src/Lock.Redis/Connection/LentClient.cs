using StackExchange.Redis;

namespace Locking;

/// <summary>A client that the application owns: ready as soon as it is known where its channels are.</summary>
internal sealed class LentClient
{
    private readonly IConnectionMultiplexer _client;
    private readonly ClientSlot _slot;
    private readonly ChannelNames _channels;
    private readonly ForcedChannel _forced;
    private readonly TimeProvider _time;
    private volatile bool _knowsChannels;

    /// <summary>Takes it.</summary>
    public LentClient(IConnectionMultiplexer client, ClientSlot slot, ChannelNames channels, ForcedChannel forced, TimeProvider time)
    {
        _client = client;
        _slot = slot;
        _channels = channels;
        _forced = forced;
        _time = time;
    }

    /// <summary>A client that is connected is ready as soon as its channels are known; who asks before that waits for it.</summary>
    public void Begin() => TaskFaults.Forget(_slot.GetOrMake(AdoptAsync));

    /// <summary>The client, ready.</summary>
    public async Task<IConnectionMultiplexer> ConnectAsync(CancellationToken cancellationToken) =>
        await _slot.GetOrMake(AdoptAsync).WaitAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>A connection was lost or came back: one that was not connected is asked now for its channels.</summary>
    public void OnInterrupted()
    {
        if (_client.IsConnected && !_knowsChannels)
            TaskFaults.Forget(DetachedFlow.Start(() => Task.Run(AdoptAsync, CancellationToken.None)));
    }

    /// <summary>Finds out where its channels are, and is ready.</summary>
    private async Task<IConnectionMultiplexer> AdoptAsync()
    {
        // One that is not connected yet is asked when it is.
        if (_client.IsConnected)
        {
            _channels.Prefix = await new ChannelPrefix(_client, _time).FindAsync().ConfigureAwait(false);
            _knowsChannels = true;
        }

        _slot.TryPut(_client);
        await _forced.OnConnectedAsync(_client).ConfigureAwait(false);
        return _client;
    }
}
