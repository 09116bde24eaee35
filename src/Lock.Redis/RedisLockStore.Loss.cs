namespace Locking;

/// <summary>Locks that were taken away by force.</summary>
public sealed partial class RedisLockStore : ILossSignal
{
    private readonly Lock _lossGate = new();
    private Action<StoreLoss>? _leaseLost;

    /// <summary>Raised for every lock of this format and prefix that somebody takes away by force, whoever holds it. What takes a lock away
    /// without a word (FLUSHALL, DEL, a restart without the data) is noticed at the next renewal.</summary>
    public event Action<StoreLoss>? LeaseLost
    {
        add
        {
            lock (_lossGate)
            {
                if (_leaseLost is null && value is not null)
                    _connection.Forced.Forced += OnForced;
                _leaseLost += value;
            }
        }
        remove
        {
            lock (_lossGate)
            {
                var had = _leaseLost is not null;
                _leaseLost -= value;
                if (had && _leaseLost is null)
                    _connection.Forced.Forced -= OnForced;
            }
        }
    }

    private void OnForced(string record, string holderId)
    {
        if (!record.StartsWith(_layout.Prefix, StringComparison.Ordinal))
            return;
        Action<StoreLoss>? handlers;
        lock (_lossGate)
            handlers = _leaseLost;
        handlers?.Invoke(new StoreLoss(record[_layout.Prefix.Length..], holderId, LostReason.Forced));
    }
}
