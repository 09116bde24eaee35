namespace Locking;

/// <summary>The calls of one engine that are under way: everybody is only wanted for a disposal, a loss, or a look at who waits for
/// itself.</summary>
internal sealed class Calls
{
    private readonly Lock _gate = new();
    private readonly SelfWaits _selfWaits;
    private IntrusiveList<WaitingCall> _all;

    public Calls(StoreClient store, LeaseRegister leases) =>
        _selfWaits = new SelfWaits(store.Alarms, store.Logger, () => store.IsDisposing ? [] : ToList(), leases.DescribeHolder);

    public void Add(WaitingCall call)
    {
        lock (_gate)
            _all.AddLast(call);
    }

    public void Remove(WaitingCall call)
    {
        lock (_gate)
            _all.Remove(call);
    }

    /// <summary>One of them begins to wait.</summary>
    public void WaitBegins() => _selfWaits.Watch();

    /// <summary>Those that are here now.</summary>
    public List<WaitingCall> ToList()
    {
        List<WaitingCall> all = [];
        lock (_gate)
        {
            for (WaitingCall? call = _all.First; call is not null; call = (WaitingCall?)call.After)
                all.Add(call);
        }

        return all;
    }
}
