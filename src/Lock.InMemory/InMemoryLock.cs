using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Locks of one process, without a backend: first in, first out per key, with TTL, owner and fencing token.</summary>
/// <remarks>
/// <para>
/// All of a process exclude each other, since they share one table for each clock (<see cref="TimeProvider"/>). One that shall not is given
/// an
/// <see cref="InMemoryLockTable"/>.
/// </para>
/// <para>Behaves as the other backends do, so that it can stand in for them; it is faster, since nothing can fail on the way.</para>
/// </remarks>
public sealed class InMemoryLock : LockBase
{
    internal const string BackendType = "inMemory";

    private readonly TableUse _use;
    private readonly LeaseHome _home;

    /// <summary>Makes locks.</summary>
    /// <param name="defaults">How locks are taken unless a call says otherwise; null for the defaults of <see cref="LockOptions"/>.</param>
    /// <param name="ns">The namespace of <see cref="ILock.LockNsAsync"/>, or null.</param>
    /// <param name="context">Clock and logs; null for the system's clock and no logs.</param>
    /// <param name="table">The table; null for the process's table of this clock. Not disposed with this object.</param>
    /// <exception cref="ArgumentException">Two options do not go together, or the table has another clock than the context.</exception>
    public InMemoryLock(
        LockOptions? defaults = null, string? ns = null, LockProviderContext? context = null, InMemoryLockTable? table = null)
        : this(
            defaults, ns, context ?? LockProviderContext.Default,
            TableUse.Of(table, (context ?? LockProviderContext.Default).TimeProvider))
    {
    }

    internal InMemoryLock(LockOptions? defaults, string? ns, LockProviderContext context, TableUse use)
        : base(BackendType, defaults, ns, context)
    {
        _use = use;
        _home = new LeaseHome(use.Table, Context.TimeProvider, Logger, OwnWaits, OwnHolder);
    }

    internal LockTable Table => _use.Table;

    private protected override ValueTask<ILockHandle?> AcquireCoreAsync(
        string key, EffectiveOptions options, CancellationToken cancellationToken)
    {
        if (options.LostMargin is not null)
            options.RefuseWideMargin();
        if (LockTelemetry.MeasuresAcquire || _home.LogsDebug)
            return AcquireObservedAsync(key, options, cancellationToken);
        return AcquireAsync(key, options, cancellationToken);
    }

    private protected override ValueTask<LockInfo?> GetCoreAsync(string key, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<LockInfo?>(cancellationToken)
            : ValueTask.FromResult(Table.Get(key));

    private protected override async IAsyncEnumerable<LockInfo> ListCoreAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (LockInfo info in Table.List(prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return info;
        }
    }

    private protected override ValueTask<UnlockOutcome> UnlockCoreAsync(string key, string id, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<UnlockOutcome>(cancellationToken);
        return ValueTask.FromResult(Unlock(key, id));
    }

    private protected override ValueTask<bool> TryExtendCoreAsync(
        string key, string id, TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<bool>(cancellationToken);
        return ValueTask.FromResult(
            Table.Find(key, id) is MemoryLease lease ? lease.TryExtend(ttl) : Table.TryExtend(key, id, ttl) == StoreReply.Done);
    }

    private protected override ValueTask<bool> ForceUnlockCoreAsync(string key, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<bool>(cancellationToken)
            : ValueTask.FromResult(Table.Force(key) > 0);

    private protected override ValueTask DisposeCoreAsync()
    {
        // Whoever acquires from now on sees the disposal after its grant and undoes it. The waits end first: otherwise the leases given
        // back would be granted to them.
        foreach (MemoryLease lease in OwnLeases())
            lease.EndWait();
        foreach (MemoryLease lease in OwnLeases())
        {
            if (lease.State == ClaimState.Held)
                End(lease);
        }

        _use.End();
        return ValueTask.CompletedTask;
    }

    internal IEnumerable<MemoryLease> OwnLeases() => Table.Everything().OfType<MemoryLease>().Where(lease => lease.Home == _home);

    private string? OwnHolder(string key) =>
        Table.FirstHolder(key) is MemoryLease holder && holder.Home == _home ? holder.Describe() : null;

    private IEnumerable<ISelfWait> OwnWaits() =>
        IsDisposed ? [] : OwnLeases().Where(static lease => lease.State == ClaimState.Waiting);

    private static void End(MemoryLease lease)
    {
        if (lease.KeepOnDisconnect)
            lease.Detach();
        else
            lease.Drop(LostReason.LockDisposed);
    }

    private ValueTask<ILockHandle?> AcquireAsync(string key, EffectiveOptions options, CancellationToken cancellationToken)
    {
        long now = _home.Now;
        var lease = new MemoryLease(_home, key, options, out MemoryHandle handle);
        if (!Table.TryAcquireIdle(lease, now, Table.Clock.ToUnits(options.FirstTtl)))
            return AcquireBusyAsync(lease, handle, options, now, cancellationToken);
        if (IsDisposed)
            return Undo(lease);
        return new ValueTask<ILockHandle?>(handle);
    }

    private ValueTask<ILockHandle?> AcquireBusyAsync(
        MemoryLease lease, MemoryHandle handle, EffectiveOptions options, long startedAt, CancellationToken cancellationToken)
    {
        lease.ArrivedAt = startedAt;
        TimeSpan limit = options.QueueTimeout;
        if (limit != TimeSpan.Zero)
            return QueueAsync(lease, handle, startedAt, limit, cancellationToken);
        AcquireStatus status = Table.Acquire(lease, default, startedAt, out ClaimNotices notices).Status;
        notices.Deliver();
        if (status != AcquireStatus.Granted)
        {
            return options.ThrowIfBusy
                ? ValueTask.FromException<ILockHandle?>(lease.Busy(TimeSpan.Zero))
                : default;
        }

        return IsDisposed ? Undo(lease) : new ValueTask<ILockHandle?>(handle);
    }

    private ValueTask<ILockHandle?> QueueAsync(
        MemoryLease lease, MemoryHandle handle, long now, TimeSpan limit, CancellationToken cancellationToken)
    {
        GrantWait wait = lease.PrepareWait(handle, limit, cancellationToken);
        AcquireStatus status = Table.Acquire(lease, new AcquireTerms { Queue = true }, now, out ClaimNotices notices).Status;
        notices.Deliver();
        if (status == AcquireStatus.Granted)
        {
            lease.ForgetWait(handle);
            return IsDisposed ? Undo(lease) : new ValueTask<ILockHandle?>(handle);
        }

        ValueTask<ILockHandle?> task = wait.StartAsync();
        if (IsDisposed)
        {
            wait.OnDisposed();
            if (lease.State == ClaimState.Held)
                End(lease);
        }

        // A fixed lease can run out before its caller gets to run; one that renews cannot.
        return lease.Options.Renews || lease.Options.FirstTtl == Timeout.InfiniteTimeSpan
            ? task
            : WaitForFixedAsync(task, lease, limit, cancellationToken);
    }

    private async ValueTask<ILockHandle?> WaitForFixedAsync(
        ValueTask<ILockHandle?> task, MemoryLease lease, TimeSpan limit, CancellationToken cancellationToken)
    {
        ILockHandle? handle = await task.ConfigureAwait(false);
        if (handle?.LostReason != LostReason.Expired)
            return handle;
        Log.GrantedTooLate(Logger, lease.Key, lease.Id);
        lease.Unlock();
        var next = new MemoryLease(_home, lease.Key, lease.Options, out MemoryHandle nextHandle) { ArrivedAt = lease.ArrivedAt };
        return await QueueAsync(next, nextHandle, _home.Now, limit, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<ILockHandle?> AcquireObservedAsync(string key, EffectiveOptions options, CancellationToken cancellationToken)
    {
        long startedAt = _home.Now;
        using Activity? activity = LockTelemetry.StartAcquire(Type, key);
        ILockHandle? handle = null;
        string outcome = LockTelemetry.Failed;
        int attempts = 1;
        try
        {
            handle = await AcquireAsync(key, options, cancellationToken).ConfigureAwait(false);
            outcome = handle is null ? LockTelemetry.Busy : LockTelemetry.Acquired;
            if (handle is not null)
            {
                attempts = handle.AcquiredOnAttempt;
                Log.Acquired(Logger, key, handle.Id, handle.FencingToken, attempts, handle.AcquireDelay.TotalMilliseconds);
            }

            return handle;
        }
        catch (LockTimeoutException busy)
        {
            outcome = LockTelemetry.Busy;
            attempts = busy.Attempts;
            throw;
        }
        catch (OperationCanceledException)
        {
            outcome = LockTelemetry.Cancelled;
            throw;
        }
        finally
        {
            LockTelemetry.EndAcquire(activity, Type, outcome, _home.Time.GetElapsedTime(startedAt), attempts, handle?.FencingToken);
        }
    }

    /// <summary>The grant came while this object was being disposed.</summary>
    private ValueTask<ILockHandle?> Undo(MemoryLease lease)
    {
        lease.Drop(LostReason.LockDisposed);
        return ValueTask.FromException<ILockHandle?>(new ObjectDisposedException(GetType().FullName));
    }

    private UnlockOutcome Unlock(string key, string id)
    {
        switch (Table.Find(key, id))
        {
            case MemoryLease lease when lease.Home == _home:
                return lease.UnlockById();
            case MemoryLease lease when lease.Drop(LostReason.Removed) == ClaimState.Held:
                return UnlockOutcome.Released;
            default:
                return Table.Release(key, id).ToOutcome();
        }
    }
}
