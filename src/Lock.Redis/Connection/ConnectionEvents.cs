using System.Collections.Concurrent;
using System.Net;
using StackExchange.Redis;

namespace Locking;

/// <summary>What a client tells of its connections to the servers.</summary>
/// <param name="isLent">Whether the application lends it: what it went through before it was lent is not known.</param>
/// <param name="onInterrupted">A connection was lost or has come back.</param>
/// <param name="onFirst">One was made for the first time.</param>
internal sealed class ConnectionEvents(bool isLent, Action onInterrupted, Action onFirst)
{
    private readonly ConcurrentDictionary<(EndPoint? Server, ConnectionType Kind), bool> _failed = new();

    /// <summary>Listens to a client.</summary>
    public void Listen(IConnectionMultiplexer client)
    {
        client.ConnectionFailed += OnFailed;
        client.ConnectionRestored += OnRestored;
    }

    /// <summary>Listens no more. The client may be the application's: it keeps no handler of ours.</summary>
    public void Unlisten(IConnectionMultiplexer client)
    {
        client.ConnectionFailed -= OnFailed;
        client.ConnectionRestored -= OnRestored;
    }

    /// <summary>Listens to another client from now on.</summary>
    public void Move(IConnectionMultiplexer from, IConnectionMultiplexer to)
    {
        Unlisten(from);
        _failed.Clear();
        Listen(to);
    }

    private void OnFailed(object? sender, ConnectionFailedEventArgs failure)
    {
        _failed[(failure.EndPoint, failure.ConnectionType)] = true;
        onInterrupted();
    }

    /// <summary>The client tells of connections that are made for the first time, too: nothing was missed on those.</summary>
    private void OnRestored(object? sender, ConnectionFailedEventArgs restored)
    {
        if (_failed.TryRemove((restored.EndPoint, restored.ConnectionType), out _) || isLent)
            onInterrupted();
        else
            onFirst();
    }
}
