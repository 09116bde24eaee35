using StackExchange.Redis;

namespace Locking;

/// <summary>Who of this process listens for releases, by record.</summary>
/// <param name="layout">Reads notices.</param>
/// <param name="time">The clock.</param>
/// <param name="leaveLine">Takes a holder id out of the line of a record; null where there is none to take out.</param>
/// <param name="lent">The client where the application lends it; null where it is ours.</param>
internal sealed class ReleaseWatches(
    KeyLayout layout, TimeProvider time, Action<string, string?> leaveLine, Func<IConnectionMultiplexer?>? lent)
{
    /// <summary>How often it is looked whether a lent client was disposed, which it does not tell.</summary>
    private static readonly TimeSpan s_lookout = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, RecordWatches> _records = new(StringComparer.Ordinal);
    private int _listeners;
    private ITimer? _lookout;

    /// <summary>Whether nobody listens.</summary>
    public bool IsEmpty => Volatile.Read(ref _listeners) == 0;

    /// <summary>Somebody begins to listen for a record.</summary>
    public ReleaseWatch Enter(string record)
    {
        var watch = new ReleaseWatch(record, Remove, time);
        lock (_gate)
        {
            if (!_records.TryGetValue(record, out RecordWatches? watches))
                _records.Add(record, watches = new RecordWatches());
            watches.Watches.Add(watch);
            if (_listeners++ == 0 && lent is not null)
                StartLookoutUnsynchronized();
        }

        return watch;
    }

    /// <summary>A holder asks for a record. When it listens for it too, its id is what a notice may name.</summary>
    /// <remarks>Each watch is one waiter's, and who waits opens it before it asks again: an id that finds every watch to be another's comes
    /// by without waiting. A watch that is about to close, whose waiter has left, may be taken for the next one's: so an id that loses its
    /// watch gets another that nobody has claimed, until the waiter of that one asks.</remarks>
    /// <returns>Whether it waits.</returns>
    public bool Asks(string prefix, string key, string holderId)
    {
        if (IsEmpty)
            return false;
        string record = prefix + key;
        string? gone = null;
        lock (_gate)
        {
            if (!_records.TryGetValue(record, out RecordWatches? watches) || watches.WatchFor(holderId) is not { } watch)
                return false;
            if (watch.Asking != holderId)
                gone = watch.Asking;
            watch.Asking = holderId;
            watch.IsInherited = watch.IsServed = false;
        }

        leaveLine(record, gone);
        return true;
    }

    /// <summary>A holder that asked has the lock.</summary>
    public void Granted(string record, string holderId)
    {
        lock (_gate)
        {
            if (_records.TryGetValue(record, out RecordWatches? watches) && watches.WatchOf(holderId) is { } watch)
            {
                watch.Asking = null;
                watch.IsServed = true;
            }
        }
    }

    /// <summary>Somebody stops listening.</summary>
    public void Remove(ReleaseWatch watch)
    {
        string? gone;
        lock (_gate)
        {
            if (!_records.TryGetValue(watch.Record, out RecordWatches? watches) || !watches.Watches.Remove(watch))
                return;
            if (--_listeners == 0)
                StopLookoutUnsynchronized();
            if (watches.Watches.Count == 0)
                _records.Remove(watch.Record);
            gone = watch.Asking;
            if (gone is not null && watches.UnclaimedWatch() is { } heir)
            {
                heir.Asking = gone;
                heir.IsInherited = true;
                return;
            }
        }

        leaveLine(watch.Record, gone);
    }

    /// <summary>Everybody stops listening.</summary>
    public void RemoveAll()
    {
        foreach (ReleaseWatch watch in All())
            Remove(watch);
    }

    /// <summary>A notice has come.</summary>
    public void OnNotice(RedisValue notice)
    {
        if (IsEmpty)
            return;
        ReleaseWatch[] wake = [];
        RecordWatches? later = null;
        string? record = layout.RecordOf(notice, out string? named);
        lock (_gate)
        {
            if (record is null)
            {
                wake = AllUnsynchronized();
            }
            else if (_records.TryGetValue(record, out RecordWatches? watches))
            {
                if (named is null || watches.WatchOf(named) is not null)
                    wake = [.. watches.Watches];
                else if (watches.HoldsBack(time.GetTimestamp()))
                    later = watches;
            }
        }

        // Outside the gate: a waiter may go on in here.
        foreach (ReleaseWatch watch in wake)
            watch.Notify();
        if (later is not null)
            _ = NotifyLaterAsync(later);
    }

    /// <summary>Wakes everybody: a notice may have been missed.</summary>
    public void NotifyAll()
    {
        foreach (ReleaseWatch watch in All())
            watch.Notify();
    }

    /// <summary>Looks out no more.</summary>
    public void Stop()
    {
        lock (_gate)
            StopLookoutUnsynchronized();
    }

    /// <summary>Wakes those that were not named when no notice has followed for a moment, or when they have waited for long
    /// enough.</summary>
    private async Task NotifyLaterAsync(RecordWatches watches)
    {
        while (true)
        {
            await Task.Delay(layout.HoldBack, time, CancellationToken.None).ConfigureAwait(false);
            ReleaseWatch[] wake;
            lock (_gate)
            {
                long now = time.GetTimestamp();
                if (time.GetElapsedTime(watches.NoticedAt, now) < layout.HoldBack &&
                    time.GetElapsedTime(watches.FirstNoticedAt, now) < layout.LongestHoldBack)
                {
                    continue;
                }

                watches.IsHoldingBack = false;
                wake = [.. watches.Watches];
            }

            foreach (ReleaseWatch watch in wake)
                watch.Notify();
            return;
        }
    }

    private ReleaseWatch[] All()
    {
        lock (_gate)
            return AllUnsynchronized();
    }

    private ReleaseWatch[] AllUnsynchronized() => [.. _records.Values.SelectMany(static watches => watches.Watches)];

    private void StartLookoutUnsynchronized()
    {
        StopLookoutUnsynchronized();
        _lookout = DetachedFlow.Start(() => time.CreateTimer(static self => ((ReleaseWatches)self!).LookOut(), this, s_lookout, s_lookout));
    }

    private void StopLookoutUnsynchronized()
    {
        _lookout?.Dispose();
        _lookout = null;
    }

    /// <summary>A lent client that has been disposed raises no event: those who wait are told to ask, and learn it from the
    /// answer.</summary>
    private void LookOut()
    {
        if (lent!() is { IsConnected: false })
            NotifyAll();
    }
}
