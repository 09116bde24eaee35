using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>What a broker has on record for the next one: opens it, keeps it, and says so when it cannot.</summary>
internal sealed partial class RecordKeeper(TimeProvider time, ILogger logger)
{
    private LeaseRecord? _record;
    private FileStream? _recordLock;
    private string _path = "";
    private bool _hasToldOfFailure;

    /// <summary>Whether something lives that is not on record.</summary>
    public bool IsLacking => Volatile.Read(ref _record) is not { IsBehind: false } || Volatile.Read(ref _hasToldOfFailure);

    /// <summary>How often something was forced to the disk.</summary>
    public int Syncs => Volatile.Read(ref _record)?.Syncs ?? 0;

    /// <summary>Whether what is told must wait until the disk has it.</summary>
    public bool IsDurable { get; private set; }

    /// <summary>The clock by which leases end.</summary>
    public TimeProvider Time => time;

    /// <summary>Opens the record and puts every lease in it back where it was. Nobody hears of them until their clients come
    /// back.</summary>
    /// <param name="path">Where it stands; an empty string: there is none.</param>
    /// <param name="isDurable">Whether it is to survive a power loss.</param>
    /// <param name="table">Gives out no token that was given out before.</param>
    /// <param name="restore">Puts a lease back; null when a newer one holds its key.</param>
    /// <returns>How long nothing may be granted, because something may be held that is not on record.</returns>
    /// <exception cref="IOException">It is another broker's, or cannot be used.</exception>
    public TimeSpan Open(string path, bool isDurable, LockTable table, Func<RecordedLease, TimeSpan, RecordableClaim?> restore)
    {
        _path = path;
        IsDurable = isDurable;
        if (path.Length == 0)
            return TimeSpan.Zero;
        LeaseRecord record;
        try
        {
            // A second broker would grant what this one has granted.
            _recordLock = FileLock.Take(path + ".lock");
            record = new LeaseRecord(path, isDurable, time);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                FileLock.IsTaken(e)
                    ? $"The record '{path}' is used by another broker that runs: one on another address of this port, or with the same "
                        + "file."
                    : $"The record '{path}' cannot be used: {e.Message} It is what keeps a broker that comes back from granting what is "
                        + "still held.", e);
        }

        Volatile.Write(ref _record, record);
        table.RaiseTokens(record.LastToken);
        List<RecordedLease> leases = record.Load();
        if (record.IsDamaged)
            LogDamaged(path, record.Pause);

        // The newest first: an older one, whose end was not recorded any more, gives way to it.
        foreach (RecordedLease lease in leases)
        {
            if (restore(lease, record.RemainingOf(lease)) is { } claim)
                record.Adopt(lease, claim);
            else
                record.Drop(lease);
        }

        return record.Pause;
    }

    /// <summary>Makes sure that the next broker knows of this lease as it is now, or that it has ended. To be called before anybody is
    /// told.</summary>
    public void Update(RecordableClaim claim)
    {
        if (Volatile.Read(ref _record) is not { } record)
            return;
        claim.NoteMax();
        record.Update(claim);
    }

    /// <summary>The same of several that are told at once.</summary>
    public void Update(IReadOnlyList<RecordableClaim> together)
    {
        if (Volatile.Read(ref _record) is not { } record)
            return;
        foreach (RecordableClaim claim in together)
            claim.NoteMax();
        record.Update(together);
    }

    /// <summary>Nothing is granted for so long, by no broker that comes meanwhile either.</summary>
    public void PauseAll(TimeSpan time) => Volatile.Read(ref _record)?.PauseAll(time);

    /// <summary>Forces what was written to the disk where that is needed. To be called before anything leaves.</summary>
    public void Sync()
    {
        try
        {
            Volatile.Read(ref _record)?.Sync();
        }
        catch (Exception e) when (IsOfFile(e))
        {
            OnFailed(e);
        }
    }

    /// <summary>Catches up with what could not be written, and gives room back.</summary>
    public void KeepHouse()
    {
        if (Volatile.Read(ref _record) is not { } record)
            return;
        try
        {
            record.KeepHouse();
            if (record.IsBehind)
                OnFailed(null);
            else if (Interlocked.Exchange(ref _hasToldOfFailure, false))
                LogMended(_path);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            OnFailed(e);
        }
    }

    /// <summary>Makes the record anew where somebody has removed it: it lives on in this process alone.</summary>
    public void MakeAnewWhereGone()
    {
        if (Volatile.Read(ref _record) is not { } record || !record.IsGone())
            return;
        try
        {
            if (UnixFiles.IdentityOf(_path + ".lock") != UnixFiles.IdentityOf(_recordLock!.SafeFileHandle))
            {
                FileStream before = _recordLock;
                _recordLock = FileLock.Take(_path + ".lock");
                before.Dispose();
            }

            record.MakeAnew();
            LogMadeAnew(_path);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            OnFailed(e);
        }
    }

    /// <summary>Lets go of the file. What lives stays in it.</summary>
    public void Close()
    {
        Interlocked.Exchange(ref _record, null)?.Dispose();

        // Last: from here on another broker may use it.
        _recordLock?.Dispose();
        _recordLock = null;
    }

    private static bool IsOfFile(Exception e) => e is IOException or UnauthorizedAccessException or ObjectDisposedException;

    /// <summary>Said once: until it is mended it would fail the same way every time.</summary>
    private void OnFailed(Exception? exception)
    {
        if (!Interlocked.Exchange(ref _hasToldOfFailure, true))
            LogFailed(exception, _path);
    }

    [LoggerMessage(7, LogLevel.Error, "The record '{Path}' cannot take everything that is held: a broker that follows will grant nothing "
        + "until that has ended.")]
    private partial void LogFailed(Exception? exception, string path);

    [LoggerMessage(10, LogLevel.Information, "The record '{Path}' is complete again.")]
    private partial void LogMended(string path);

    [LoggerMessage(13, LogLevel.Error, "The record '{Path}' is damaged: nothing is granted for {Pause}, until all that it may have told "
        + "of has ended.")]
    private partial void LogDamaged(string path, TimeSpan pause);

    [LoggerMessage(14, LogLevel.Warning, "The record '{Path}' was removed; it is made anew with all that is held.")]
    private partial void LogMadeAnew(string path);
}
