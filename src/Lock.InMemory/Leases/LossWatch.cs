using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>The lost token of one lease, made when somebody asks for it.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The source has no timer and no wait handle: there is nothing to free.")]
internal sealed class LossWatch(IWatchedLease lease) : Alarm
{
    private readonly CancellationTokenSource _source = new();
    private readonly Lock _alarmGate = new();

    public CancellationToken Token => _source.Token;

    public bool IsSignalled => _source.IsCancellationRequested;

    /// <summary>Sets the flag here and now, once it returns to anybody; callbacks run on the pool, since user code may block.</summary>
    public void Signal() => _ = _source.CancelAsync();

    /// <summary>Sets the alarm for the moment at which the loss is to be announced.</summary>
    public void SetAlarm(AlarmClock alarms)
    {
        // The look at the lease and the alarm are one step: otherwise a moment from before an extension could be set after it.
        lock (_alarmGate)
        {
            long due = lease.LatestLoss;
            if (due == Claim.Never)
                alarms.Cancel(this);
            else
                alarms.Set(this, due);

            // The lease may have ended between the look at it and the alarm.
            if (!lease.IsHeld)
                alarms.Cancel(this);
        }
    }

    internal override void Ring() => lease.OnDeadline();
}
