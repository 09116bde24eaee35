namespace Locking;

/// <summary>The record for the next broker: the state file, and the journal of the leases without expiry.</summary>
public sealed partial class BrokerServer
{
    private StateFile? _state;
    private LeaseJournal? _journal;
    private FileStream? _stateLock;
    private bool _hasToldOfState;

    /// <summary>Whether a lease without expiry is on record.</summary>
    private bool HasPermanent => Volatile.Read(ref _journal) is { Count: > 0 };

    /// <summary>Whether something is not on record that should be.</summary>
    private bool LacksRecord => Volatile.Read(ref _state) is not { IsBehind: false } || Volatile.Read(ref _journal) is not { IsBehind: false };

    /// <summary>Makes sure that the next broker knows of this lease. To be called before anybody is told of it.</summary>
    internal void Record(BrokerClaim claim)
    {
        Cover(claim.Ttl);
        if (claim.Ttl == Timeout.InfiniteTimeSpan || HasPermanent)
            Journal(claim);
    }

    /// <summary>The claim has ended: if it was without expiry, the next broker must not bring it back.</summary>
    internal void RecordEnd(BrokerClaim claim)
    {
        // Asked of its record, not of its lease alone: an extension may have given it an end a moment ago, and not be on record yet.
        if (claim.Ttl == Timeout.InfiniteTimeSpan || HasPermanent)
            Journal(claim);
    }

    /// <summary>Makes sure that the next broker knows of a lease of this length; of one without expiry, that it knows its token.</summary>
    private void Cover(TimeSpan ttl)
    {
        try
        {
            Volatile.Read(ref _state)?.Cover(ttl == Timeout.InfiniteTimeSpan ? TimeSpan.Zero : ttl, Table.LastToken);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            OnStateFailed(e);
        }
    }

    private void Journal(BrokerClaim claim)
    {
        if (Volatile.Read(ref _journal) is not { } journal)
            return;
        try
        {
            // Published clients say how many may hold a key, also of our own.
            if (claim.State == ClaimState.Held && claim.Ttl == Timeout.InfiniteTimeSpan)
                claim.JournaledMax = Table.Report(claim.Key).Max;
            journal.Update(claim);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            OnStateFailed(e);
            CoverPermanent();
        }
    }

    /// <summary>Without the journal, the next broker at least gives the holder time to come back: the room for that is there.</summary>
    private void CoverPermanent()
    {
        try
        {
            Volatile.Read(ref _state)?.Cover(Timeout.InfiniteTimeSpan, Table.LastToken);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            OnStateFailed(e);
        }
    }

    /// <summary>Tries again, without waiting for the next grant, to write what could not be written.</summary>
    private void CatchUpWithState()
    {
        try
        {
            if (Volatile.Read(ref _state) is { } state && Volatile.Read(ref _journal) is { } journal)
            {
                state.CatchUp();
                journal.CatchUp();
                if (!IsWaiting)
                    state.ForgetPermanent(journal);
            }

            if (Interlocked.Exchange(ref _hasToldOfState, false))
                LogStateMended();
        }
        catch (Exception e) when (IsOfFile(e))
        {
            // Logged when it began.
        }
    }

    private static bool IsOfFile(Exception e) => e is IOException or UnauthorizedAccessException or ObjectDisposedException;

    /// <summary>The grant goes on: the lock service is worth more than its behaviour after the next crash (decision 0032).</summary>
    private void OnStateFailed(Exception exception)
    {
        // Once: every grant fails the same way until it is mended.
        if (!Interlocked.Exchange(ref _hasToldOfState, true))
            LogStateFailed(exception);
    }

    private void OpenState()
    {
        var path = Options.StatePath ?? (Options.Path is not null ? Options.Path + ".state" : DefaultStatePath());
        if (path.Length == 0)
            return;
        var durable = Options.Host is not null && !IsLoopback(Options.Host);
        try
        {
            // A second broker would write its own deadlines over this one's.
            _stateLock = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            _state = new StateFile(path, durable, TimeProvider);
            _journal = new LeaseJournal(path + ".held", durable);
            Table.RaiseTokens(_state.LastToken);
            var leases = _journal.Load();
            if (_journal.IsDamaged)
            {
                // Before the damaged lines are gone from the file.
                LogDamaged(path + ".held");
                CoverPermanent();
            }

            if (_journal.Begin(Restore(leases)) is { } problem)
                OnStateFailed(problem);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                IsSharingViolation(e)
                    ? $"The state file '{path}' is used by another broker that runs: one on another address of this port, or with the same file."
                    : $"The state file '{path}' cannot be written: {e.Message} It is what keeps a broker that comes back after a crash from granting "
                    + "what is still held.", e);
        }

        BeginWait(_journal.IsDamaged && _state.Wait < PermanentWait ? PermanentWait : _state.Wait);
    }

    private void CloseState()
    {
        try
        {
            _journal?.Dispose();
        }
        catch (Exception e) when (IsOfFile(e))
        {
            // It is gone with its directory, or the next broker reads it.
        }

        _journal = null;
        _state?.Dispose();
        _state = null;

        // Last: from here on another broker may use them.
        _stateLock?.Dispose();
        _stateLock = null;
    }

    /// <summary>Puts the leases without expiry back where they were. Nobody hears of them until their clients come back.</summary>
    /// <returns>Those that hold their keys again.</returns>
    private List<(BrokerClaim Claim, long Place)> Restore(List<JournaledLease> leases)
    {
        List<(BrokerClaim Claim, long Place)> restored = [];

        // The newest first: what a failed write has left behind of an older one gives way to it.
        foreach (var lease in leases.OrderByDescending(static lease => lease.Token))
        {
            var claim = new BrokerClaim(this, lease.Key, lease.Id, lease.Owner, Timeout.InfiniteTimeSpan)
            {
                Keep = lease.Keep, ForeignKey = lease.ForeignKey, WasMember = lease.IsMember, JournaledMax = lease.Max,
            };
            if (!Table.Reclaim(claim, lease.Token, lease.Max) || claim.State != ClaimState.Held)
                continue;
            restored.Add((claim, lease.Place));
            if (lease.IsMember)
                _composites.GetOrAdd(lease.Id, static (id, server) => new CompositeLock(server, id), this).Restore(claim);
        }

        return restored;
    }

    private string DefaultStatePath()
    {
        if (Options.Port == 0)
            return "";
        SocketDirectory.Prepare(BrokerPaths.DefaultDirectory);
        return Path.Combine(BrokerPaths.DefaultDirectory, $"broker-{Options.Port}.state");
    }
}
