using StackExchange.Redis;

namespace Locking;

/// <summary>Where the client of a connection stands: none at first, then the one, replaced by another one perhaps, and nothing more after
/// the end.</summary>
internal sealed class ClientSlot
{
    private readonly Lock _gate = new();
    private Task<IConnectionMultiplexer>? _making;
    private IConnectionMultiplexer? _client;
    private bool _ended;

    /// <summary>The client that is used now; null before there is one, and after the end.</summary>
    public IConnectionMultiplexer? Current => Volatile.Read(ref _ended) ? null : Volatile.Read(ref _client);

    /// <summary>The client, or the attempt to make it that is under way; a new one where the last has failed.</summary>
    /// <param name="make">Makes it, and puts it here.</param>
    /// <exception cref="ObjectDisposedException">The connection has ended.</exception>
    public Task<IConnectionMultiplexer> GetOrMake(Func<Task<IConnectionMultiplexer>> make)
    {
        lock (_gate)
        {
            if (_ended)
                throw RedisFaults.Disposed();
            if (_client is { } ready)
                return Task.FromResult(ready);
            if (_making is not { } pending || pending.IsFaulted || pending.IsCanceled)
                _making = pending = DetachedFlow.Start(() => Task.Run(make, CancellationToken.None));
            return pending;
        }
    }

    /// <summary>There is a client.</summary>
    /// <returns>False after the end: then it is nobody's.</returns>
    public bool TryPut(IConnectionMultiplexer client)
    {
        lock (_gate)
        {
            if (!_ended)
                _client = client;
            return !_ended;
        }
    }

    /// <summary>Puts a client in the place of another one.</summary>
    /// <param name="before">The one that must still be here.</param>
    /// <param name="fresh">The other.</param>
    /// <param name="isStillDue">Whether it is to be replaced still: asked at the last moment, with the gate held.</param>
    /// <returns>Whether it was.</returns>
    public bool TryReplace(IConnectionMultiplexer before, IConnectionMultiplexer fresh, Func<bool> isStillDue)
    {
        lock (_gate)
        {
            if (_ended || !ReferenceEquals(_client, before) || !isStillDue())
                return false;
            _client = fresh;
            return true;
        }
    }

    /// <summary>No client any more.</summary>
    /// <returns>The last one, and the attempt to make one.</returns>
    public (IConnectionMultiplexer? Client, Task<IConnectionMultiplexer>? Making) End()
    {
        lock (_gate)
        {
            _ended = true;
            return (_client, _making);
        }
    }
}
