using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>The file of a <see cref="LeaseRecord"/>: it grows by segments, and gives the last one back when the leases fit into the
/// others.</summary>
/// <remarks>
/// Its places are allocated before they are used: a disk that fills up later cannot refuse them. Everything under the record's gate.
/// </remarks>
internal sealed class RecordRoom : IDisposable
{
    private const int FirstLength = 4 * RecordSegment.Unit;
    private const int LargerLength = 16 * RecordSegment.Unit;

    private readonly SafeFileHandle _file;
    private readonly List<RecordSegment> _segments = [];
    private readonly Dictionary<int, Stack<(RecordSegment Segment, int Place)>> _free = [];
    private (ulong Device, ulong Number)? _identity;
    private long _length;
    private long _written;

    /// <summary>Opens the file, or makes one.</summary>
    /// <param name="path">Where.</param>
    /// <param name="isNew">Whether what stands there is dropped.</param>
    /// <exception cref="IOException">It cannot be written, or is some other file.</exception>
    public RecordRoom(string path, bool isNew)
    {
        _file = Open(path, isNew ? FileMode.Create : FileMode.OpenOrCreate);
        try
        {
            _identity = UnixFiles.IdentityOf(_file);
            _length = RandomAccess.GetLength(_file);
            if (_length > 0 && !IsFresh())
                MapAll();
            else
                Add(FirstLength, RecordSegment.SmallestPlace);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Its parts, the first of which has the head.</summary>
    public IReadOnlyList<RecordSegment> Segments => _segments;

    /// <summary>What it says of all leases.</summary>
    public RecordHead Head => new(_segments[0]);

    /// <summary>How long the file is.</summary>
    public long Length => Volatile.Read(ref _length);

    /// <summary>Rises with whatever is to be forced to the disk.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Whether something in the file was damaged when it was opened.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>Whether it could not grow. Tried again by the housekeeping alone: each grant would fail the same way, and pay for
    /// it.</summary>
    public bool IsFull { get; set; }

    /// <summary>Whether the file at that path is another one, or none.</summary>
    public bool IsGone(string path) => UnixFiles.IdentityOf(path) != _identity;

    /// <summary>Something was written there that a power loss must not take.</summary>
    public void Touch(RecordSegment segment)
    {
        segment.IsDirty = true;
        Volatile.Write(ref _written, _written + 1);
    }

    /// <summary>The segments in which something was written since this was last asked.</summary>
    public List<RecordSegment> TakeDirty()
    {
        List<RecordSegment> dirty = [];
        foreach (RecordSegment segment in _segments)
        {
            if (!segment.IsDirty)
                continue;
            segment.IsDirty = false;
            dirty.Add(segment);
        }

        return dirty;
    }

    /// <summary>Puts the file, which is complete, to its place.</summary>
    public void MoveTo(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        _identity = UnixFiles.IdentityOf(_file);
    }

    /// <summary>Takes a place for a lease of so many bytes.</summary>
    /// <returns>False when there is none, and no room for more.</returns>
    public bool TryTake(int size, out RecordSegment segment, out int place)
    {
        int placeSize = RecordSegment.SmallestPlace;
        while (placeSize < size)
            placeSize *= 4;
        Stack<(RecordSegment Segment, int Place)> free = FreeOf(placeSize);
        if (free.Count == 0 && !TryGrow(placeSize))
        {
            (segment, place) = (null!, 0);
            return false;
        }

        (segment, place) = free.Pop();
        return true;
    }

    /// <summary>Nothing stands there: the next lease may. The last one to be given back is the next to be taken.</summary>
    public void Free(RecordSegment segment, int place) => FreeOf(segment.PlaceSize).Push((segment, place));

    /// <summary>All places of a segment in which nothing stands, the first ones to be taken first.</summary>
    public void FreeAll(RecordSegment segment)
    {
        for (int place = segment.Owners.Length - 1; place > 0; place--)
            Free(segment, place);
    }

    /// <summary>Takes what stands there off the record. A power loss may bring it back, until its end: nothing is forced to the disk for
    /// it.</summary>
    public void Clear(RecordSegment segment, int place)
    {
        Volatile.Write(ref segment.Word(place, RecordedLease.StateOffset), 0);
        segment.IsDirty = true;
        Free(segment, place);
    }

    /// <summary>Moves what stands in the last segment into the others when it fits there, and gives that segment back.</summary>
    /// <param name="isDurable">Whether what was moved is forced to the disk before its old place goes.</param>
    public void Shrink(bool isDurable)
    {
        if (_segments.Count < 2)
            return;
        RecordSegment last = _segments[^1];
        int places = last.Owners.Length - 1;
        Stack<(RecordSegment Segment, int Place)> free = FreeOf(last.PlaceSize);
        int inUse = last.Owners.Count(static owner => owner is not null);
        int elsewhere = free.Count - (places - inUse);
        bool isOnly = inUse == 0 && !_segments.Exists(segment => segment != last && segment.PlaceSize == last.PlaceSize);

        // Not at once when it just fits: what is given back now would be asked for again.
        if (!isOnly && elsewhere < inUse + (places / 4))
            return;
        var others = new Stack<(RecordSegment Segment, int Place)>(free.Where(one => one.Segment != last).Reverse());
        MoveAll(last, others);
        if (isDurable)
            Flush();
        _free[last.PlaceSize] = others;
        _segments.RemoveAt(_segments.Count - 1);
        last.Dispose();
        Volatile.Write(ref _length, last.Position);
        TryCutTo(last.Position);
    }

    /// <summary>Forces all of it to the disk.</summary>
    public void Flush() => _segments.ForEach(static segment => segment.Flush());

    public void Dispose()
    {
        foreach (RecordSegment segment in _segments)
            segment.Dispose();
        _segments.Clear();
        _file.Dispose();
    }

    private static SafeFileHandle Open(string path, FileMode mode)
    {
        SafeFileHandle file = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

        // Whoever knows an id can release its lock.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private static int RoundUp(int length) => (length + RecordSegment.Unit - 1) / RecordSegment.Unit * RecordSegment.Unit;

    private void MoveAll(RecordSegment from, Stack<(RecordSegment Segment, int Place)> places)
    {
        for (int place = 1; place < from.Owners.Length; place++)
        {
            if (from.Owners[place] is not { } claim)
                continue;
            (RecordSegment? segment, int to) = places.Pop();
            from.Place(place)[8..].CopyTo(segment.Place(to)[8..]);

            // There first: for a moment it stands twice, which the next broker takes for one.
            Volatile.Write(ref segment.Word(to, RecordedLease.StateOffset), from.Word(place, RecordedLease.StateOffset));
            segment.Owners[to] = claim;
            (claim.RecordedIn, claim.RecordedAt) = (segment, to);
            Touch(segment);
        }
    }

    private Stack<(RecordSegment Segment, int Place)> FreeOf(int placeSize)
    {
        if (!_free.TryGetValue(placeSize, out Stack<(RecordSegment Segment, int Place)>? free))
            _free.Add(placeSize, free = new Stack<(RecordSegment, int)>());
        return free;
    }

    private bool TryGrow(int placeSize)
    {
        if (IsFull)
            return false;
        try
        {
            int least = placeSize == RecordSegment.SmallestPlace ? LargerLength : RecordSegment.Unit;
            FreeAll(Add(Math.Max(least, RoundUp(2 * placeSize)), placeSize));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            IsFull = true;
            return false;
        }
    }

    /// <summary>Allocates a segment at the end of the file. It is none before its head is there.</summary>
    private RecordSegment Add(int length, int placeSize)
    {
        byte[] zeros = new byte[RecordSegment.Unit];
        try
        {
            for (int done = 0; done < length; done += zeros.Length)
                RandomAccess.Write(_file, zeros, _length + done);
        }
        catch
        {
            TryCutTo(_length);
            throw;
        }

        var segment = new RecordSegment(_file, _length, length, placeSize);
        segment.WriteHead();
        _segments.Add(segment);
        Volatile.Write(ref _length, _length + length);
        return segment;
    }

    private void TryCutTo(long length)
    {
        try
        {
            RandomAccess.SetLength(_file, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Longer than it need be; what stands there is no segment.
        }
    }

    /// <summary>Whether nothing but zeros stands where the head would: its maker was killed before it was one.</summary>
    private bool IsFresh()
    {
        byte[] head = new byte[RecordSegment.SmallestPlace];
        RandomAccess.Read(_file, head, 0);
        if (head.AsSpan(0, 8).ContainsAnyExcept((byte)0))
            return false;
        TryCutTo(0);
        _length = 0;
        return true;
    }

    private void MapAll()
    {
        byte[] head = new byte[RecordSegment.SmallestPlace];
        long at = 0L;
        while (at < _length)
        {
            head.AsSpan().Clear();
            RandomAccess.Read(_file, head, at);
            if (!RecordSegment.TryReadHead(head, out int length, out int placeSize) || at + length > _length)
            {
                if (at == 0)
                {
                    throw new IOException(
                        "it is damaged, or no record of a broker. Where nothing is held that it could tell of, remove it.");
                }


                // A segment whose maker was killed before it was one has no head; anything else was one.
                IsDamaged |= head.AsSpan(0, 8).ContainsAnyExcept((byte)0);
                break;
            }

            _segments.Add(new RecordSegment(_file, at, length, placeSize));
            at += length;
        }

        // What was cut off, or is damaged, holds everything back until the latest end; that must be on record before it is gone.
        if (IsDamaged)
        {
            Head.AnythingUntil = Math.Max(Head.AnythingUntil, Head.Latest);
            Head.UnknownPermanent = 1;
            _segments[0].IsDirty = true;
        }

        if (at < _length)
            TryCutTo(at);
        _length = at;
    }
}
