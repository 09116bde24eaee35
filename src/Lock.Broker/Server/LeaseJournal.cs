using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>The leases without expiry, each on record: no deadline tells the next broker when it may forget them.</summary>
/// <remarks>
/// <para>
/// One line for each, beside the state file, appended before its grant is answered. Before its end is answered, the first byte of the line is
/// overwritten where it stands: that takes no room, so that a full disk does not bring back what was released. When most of the file is over,
/// and at the start, it is written anew.
/// </para>
/// <para>What a failed write has left out is owed: the whole file is written anew as soon as that is possible.</para>
/// </remarks>
internal sealed class LeaseJournal(string path, bool durable) : IDisposable
{
    private const byte Held = (byte)'+';
    private const byte Over = (byte)'-';
    private const int Batch = 64 * 1024;
    private const int LongestRecord = 1 << 30;

    private readonly Lock _gate = new();
    private readonly LineWriter _lines = new();
    private readonly Dictionary<BrokerClaim, long> _places = [];
    private SafeFileHandle? _file;
    private long _length;
    private long _rewriteAt = Batch;
    private int _count;
    private bool _isBehind;
    private bool _closed;

    /// <summary>How many leases are on record, or owed to it.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether a write has failed, and what it was to record has not been recorded since.</summary>
    public bool IsBehind => Volatile.Read(ref _isBehind);

    /// <summary>Whether a line that was loaded is none: it may have been that of a lease.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>What the broker before has left.</summary>
    public List<JournaledLease> Load()
    {
        List<JournaledLease> leases = [];
        if (!File.Exists(path))
            return leases;
        var lines = new LineBuffer(LongestRecord);
        using var file = File.OpenHandle(path);
        for (var at = 0L; RandomAccess.Read(file, lines.Room().Span, at) is > 0 and var read; at += read)
        {
            lines.Added(read);
            for (var place = at + read - lines.Pending; lines.TryTake(out var line); place = at + read - lines.Pending)
            {
                // A last line that was torn has no end, and is not here: nobody was told of its grant.
                if (line is [Held, ..] && WireMessage.Parse(line[1..], out var message) == WireLine.Message && JournaledLease.Read(in message) is { } lease)
                    leases.Add(lease with { Place = place });
                else if (line is not ([] or [Over, ..]))
                    IsDamaged = true;
            }
        }

        lines.Close();
        return leases;
    }

    /// <summary>Begins with these leases on record and no others.</summary>
    /// <param name="claims">The leases, and where their lines were when they were loaded.</param>
    /// <returns>Why the file could not be written anew, if so: then it is used as it is, and caught up with later.</returns>
    public Exception? Begin(IEnumerable<(BrokerClaim Claim, long Place)> claims)
    {
        lock (_gate)
        {
            foreach (var (claim, place) in claims)
                _places.Add(claim, place);
            Volatile.Write(ref _count, _places.Count);
            if (_places.Count == 0 && !File.Exists(path))
                return null;
            try
            {
                RewriteUnsynchronized();
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // On a full disk there is no room for a second file: what ends can be marked in the old one all the same.
                _file ??= Open(path, FileMode.Open);
                return e;
            }
        }
    }

    /// <summary>Puts a lease on record, or off it, as it is now. To be called before its grant, its end or its new length is answered.</summary>
    public void Update(BrokerClaim claim)
    {
        lock (_gate)
        {
            // Asked here: of a grant that a timer tells and of its end, the last to come decides.
            var isPermanent = claim.State == ClaimState.Held && claim.Ttl == Timeout.InfiniteTimeSpan;
            if (_closed || isPermanent == _places.ContainsKey(claim))
                return;
            if (isPermanent)
            {
                _places.Add(claim, -1);
                Volatile.Write(ref _count, _places.Count);
                AppendUnsynchronized(claim);
            }
            else if (_places.Remove(claim, out var place))
            {
                Volatile.Write(ref _count, _places.Count);
                if (place >= 0)
                    WriteUnsynchronized([Over], place);
            }
        }
    }

    /// <summary>Writes what was left out.</summary>
    public void CatchUp()
    {
        lock (_gate)
        {
            if (!_closed && _isBehind)
                RewriteUnsynchronized();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            if (_file is null)
                return;
            _file.Dispose();
            if (_places.Count == 0 && !_isBehind)
                File.Delete(path);
        }
    }

    private void AppendUnsynchronized(BrokerClaim claim)
    {
        if (_isBehind)
            throw new IOException("Its journal is not written again yet.");
        if (_length >= _rewriteAt)
        {
            RewriteUnsynchronized();
            return;
        }

        JournaledLease.Write(_lines.Clear().Raw([Held]), claim);
        _file ??= Open(path, FileMode.OpenOrCreate);
        WriteUnsynchronized(_lines.Written, _length);
        _places[claim] = _length;
        _length += _lines.Written.Length;
    }

    private void WriteUnsynchronized(ReadOnlySpan<byte> bytes, long place)
    {
        try
        {
            RandomAccess.Write(_file!, bytes, place);
            if (durable)
                RandomAccess.FlushToDisk(_file!);
        }
        catch
        {
            Volatile.Write(ref _isBehind, true);
            throw;
        }
    }

    /// <summary>Writes a new file and puts it in the place of the old one, which is as good as before until then.</summary>
    private void RewriteUnsynchronized()
    {
        Volatile.Write(ref _isBehind, true);
        var places = new List<(BrokerClaim Claim, long Place)>(_places.Count);
        var length = 0L;
        using (var file = Open(path + ".new", FileMode.Create))
        {
            _lines.Clear();
            foreach (var claim in _places.Keys)
            {
                places.Add((claim, length + _lines.Written.Length));
                JournaledLease.Write(_lines.Raw([Held]), claim);
                if (_lines.Written.Length >= Batch)
                    Flush();
            }

            Flush();
            if (durable)
                RandomAccess.FlushToDisk(file);

            void Flush()
            {
                RandomAccess.Write(file, _lines.Written, length);
                length += _lines.Written.Length;
                _lines.Clear();
            }
        }

        _file?.Dispose();
        try
        {
            File.Move(path + ".new", path, overwrite: true);
        }
        finally
        {
            _file = Open(path, FileMode.OpenOrCreate);
        }

        foreach (var (claim, place) in places)
            _places[claim] = place;
        (_length, _rewriteAt) = (length, Math.Max(Batch, length * 2));
        Volatile.Write(ref _isBehind, false);
    }

    private static SafeFileHandle Open(string path, FileMode mode)
    {
        var file = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite);

        // Whoever knows an id can release its lock.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }
}
