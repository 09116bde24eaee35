namespace Locking;

/// <summary>Tells of the locks of one layout that were taken away by force. The channel is listened to as long as somebody listens
/// here.</summary>
internal sealed class ForcedLocks(ForcedChannel channel, KeyLayout layout)
{
    private readonly Lock _gate = new();
    private Action<StoreLoss>? _listeners;

    /// <summary>Whether somebody listens.</summary>
    public bool IsHeard => Volatile.Read(ref _listeners) is not null;

    /// <summary>Somebody listens.</summary>
    public void Add(Action<StoreLoss>? listener)
    {
        lock (_gate)
        {
            if (_listeners is null && listener is not null)
                channel.Forced += OnForced;
            _listeners += listener;
        }
    }

    /// <summary>Somebody listens no more.</summary>
    public void Remove(Action<StoreLoss>? listener)
    {
        lock (_gate)
        {
            bool had = _listeners is not null;
            _listeners -= listener;
            if (had && _listeners is null)
                channel.Forced -= OnForced;
        }
    }

    private void OnForced(string record, string holderId)
    {
        if (!record.StartsWith(layout.Prefix, StringComparison.Ordinal))
            return;
        Action<StoreLoss>? listeners;
        lock (_gate)
            listeners = _listeners;
        listeners?.Invoke(new StoreLoss(record[layout.Prefix.Length..], holderId, LostReason.Forced));
    }
}
