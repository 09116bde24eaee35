using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>The lost token of one lease, made when somebody asks for it.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The source has no timer and no wait handle: there is nothing to free.")]
internal sealed class LossWatch(MemoryLease lease) : Alarm
{
    private readonly CancellationTokenSource _source = new();

    /// <summary>Taken around a look at the lease and the setting of this alarm.</summary>
    public Lock AlarmGate { get; } = new();

    public CancellationToken Token => _source.Token;

    public bool IsSignalled => _source.IsCancellationRequested;

    /// <summary>Sets the flag here and now, once it returns to anybody; callbacks run on the pool, since user code may block.</summary>
    public void Signal() => _ = _source.CancelAsync();

    internal override void Ring() => lease.OnDeadline(this);
}
