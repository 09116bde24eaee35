namespace Locking;

/// <summary>The one subscription of a process to the releases of a store, shared out to the waiters by key.</summary>
/// <remarks>
/// <para>A watch is entered first, and then the subscription is proved: a probe is published until it comes back. So no release that
/// happens after <see cref="WatchAsync"/> is missed, whatever the client's own acknowledgement is worth.</para>
/// <para>A notice may name the holder id that has waited longest. In the native format that one holds the lock already, for a moment in
/// which it has to come. In the others the name is a hint: a process that has no such waiter holds back for a moment, so that the one that
/// is named finds the lock free; who was named and does not come delays the others by that moment alone.</para>
/// <para>It is composed of those who wait (<see cref="ReleaseWatches"/>), the subscription (<see cref="ReleaseSubscription"/>), and those
/// who are leaving their lines (<see cref="LeavingWaiters"/>). Each has a gate of its own, and calls none of the others while it holds
/// it.</para>
/// </remarks>
internal sealed class ReleaseChannel : IConnectionPart
{
    private readonly LeavingWaiters _leaving;
    private readonly ReleaseWatches _watches;
    private readonly ReleaseSubscription _subscription;

    /// <summary>Makes the channel of a layout; nothing is subscribed to before somebody waits.</summary>
    public ReleaseChannel(RedisConnection connection, KeyLayout layout)
    {
        _leaving = new LeavingWaiters(connection, layout);
        _watches = new ReleaseWatches(layout, connection.Time, _leaving.Leave, connection.IsLent ? () => connection.Connected : null);
        _subscription = new ReleaseSubscription(connection, layout, _watches);
    }

    /// <summary>Starts listening for a record.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    /// <exception cref="NoticesRefusedException">This user may not publish or subscribe.</exception>
    public async ValueTask<IReleaseWatch> WatchAsync(string record, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // In this order: an interruption that comes in between finds somebody who waits, and has the proof sought again.
        ReleaseWatch watch = _watches.Enter(record);
        Task listening = _subscription.ListeningAsync();
        // Whoever gives up leaves its fault to nobody.
        TaskFaults.Forget(listening);
        try
        {
            await listening.WaitAsync(cancellationToken).ConfigureAwait(false);
            return watch;
        }
        catch
        {
            _watches.Remove(watch);
            throw;
        }
    }

    /// <inheritdoc/>
    public void OnInterrupted() => _subscription.OnInterrupted();

    /// <inheritdoc cref="ReleaseWatches.Asks"/>
    public bool Asks(string prefix, string key, string holderId) => _watches.Asks(prefix, key, holderId);

    /// <inheritdoc cref="ReleaseWatches.Granted"/>
    public void Granted(string record, string holderId) => _watches.Granted(record, holderId);

    /// <summary>Everybody leaves the line, before the connection ends: whoever waits elsewhere need not get over them. Not for long, where
    /// the server does not answer.</summary>
    public Task LeaveAsync()
    {
        _watches.RemoveAll();
        return _leaving.FarewellAsync();
    }

    /// <summary>Stops listening. The client may be the application's: it keeps no handler of ours.</summary>
    public async ValueTask DisposeAsync()
    {
        await _subscription.StopAsync().ConfigureAwait(false);
        _watches.Stop();
    }
}
