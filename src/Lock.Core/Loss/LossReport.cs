using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Tells metrics and log of a lost lease, in memory and over a store.</summary>
internal static class LossReport
{
    /// <summary>Tells it on the pool: logs and metrics are other people's code, and neither the alarm clock's thread nor the next holder
    /// waits for it.</summary>
    /// <param name="lease">Which one.</param>
    /// <param name="backend">The backend's type.</param>
    /// <param name="log">Where it is told.</param>
    /// <param name="reason">Why it was lost.</param>
    /// <param name="heldFor">How long it was held.</param>
    /// <param name="late">How long after the moment at which it had to be announced.</param>
    /// <param name="outage">Whether the backend fails, in which case not every loss is told by itself; null where none can.</param>
    public static void Queue(
        IEndedLease lease, string backend, ILogger log, LostReason reason, TimeSpan heldFor, TimeSpan late, Outage? outage = null) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static loss =>
            {
                LockTelemetry.Lost(loss.Backend, loss.Reason, loss.Late);
                LockTelemetry.Held(loss.Backend, loss.HeldFor);
                if (loss.Reason != LostReason.LockDisposed && loss.Outage?.TellsLoss() != false)
                    Log.Lost(loss.Log, loss.Lease.Key, loss.Lease.Id, loss.Reason);
                else
                    Log.LostQuietly(loss.Log, loss.Lease.Key, loss.Lease.Id, loss.Reason);
            },
            (Lease: lease, Backend: backend, Log: log, Reason: reason, HeldFor: heldFor, Late: late, Outage: outage),
            preferLocal: false);
}
