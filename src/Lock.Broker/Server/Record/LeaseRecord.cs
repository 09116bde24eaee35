namespace Locking;

/// <summary>Every lease that this broker has granted and that has not ended, for the broker after it: one place each in a mapped
/// file.</summary>
/// <remarks>
/// <para>
/// A grant stands here before it is answered, and so does each new end of it. Storing one number puts it on record, storing zero takes it
/// off; a place is never written over while a lease stands there. So the file is right whenever this process is killed, and needs nothing
/// written at the end or at the start: whoever comes next reads what stands there.
/// </para>
/// <para>
/// The room is allocated before it is used. Where there is none for a further lease, the file says in its head, whose room is there, until
/// when anything may be held: the next broker then grants nothing for so long. The file grows and shrinks with the leases that live at one
/// time.
/// </para>
/// <para>A killed process loses nothing. What a power loss must not take is forced to the disk by <see cref="Sync"/> before it is
/// answered.</para>
/// </remarks>
internal sealed class LeaseRecord : IDisposable
{
    private const int LargestToLookThrough = 10_000;

    private readonly Lock _gate = new();
    private readonly Lock _syncGate = new();
    private readonly string _path;
    private readonly RecordClock _clock;
    private readonly RecordCover _cover;
    private readonly HashSet<RecordableClaim> _owed = [];
    private RecordRoom _room;
    private long _synced;
    private int _count;
    private bool _isBehind;
    private bool _isClosed;

    /// <summary>Opens the record, or makes one. The leases in it stay as they stand.</summary>
    /// <exception cref="IOException">It cannot be written, or is some other file.</exception>
    public LeaseRecord(string path, bool isDurable, TimeProvider time, Guid? boot = null)
    {
        _path = path;
        _clock = new RecordClock(time, boot);
        _cover = new RecordCover(_clock);
        IsDurable = isDurable;
        _room = new RecordRoom(path, isNew: false);
        try
        {
            IsDamaged = _room.IsDamaged;
            LastToken = _cover.Begin(_room.Head);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether it is to survive a power loss.</summary>
    public bool IsDurable { get; }

    /// <summary>No token at or below this one may be given out.</summary>
    public long LastToken { get; }

    /// <summary>How long the next grant has to wait, because something may be held that is not on record.</summary>
    public TimeSpan Pause { get; private set; }

    /// <summary>Whether something in the file was damaged.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>Whether leases live that are not on record each by itself.</summary>
    public bool IsBehind => Volatile.Read(ref _isBehind);

    /// <summary>How many leases are on record.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>How often something was forced to the disk.</summary>
    public int Syncs { get; private set; }

    /// <summary>How long the file is.</summary>
    public long Length => Volatile.Read(ref _room).Length;

    /// <summary>What the broker before has left, the newest first. To be called once, before anything else.</summary>
    public List<RecordedLease> Load()
    {
        lock (_gate)
        {
            long now = _clock.Now;
            var scan = new RecordScan(_room, now);
            IsDamaged |= scan.Damaged.Count > 0;

            // First that anything may be held, then the places that say what they cannot say any more.
            Pause = _cover.BeginPause(_room, now, IsDamaged);
            Thread.MemoryBarrier();
            foreach ((RecordSegment? segment, int place) in scan.Damaged)
                _room.Clear(segment, place);
            return scan.Leases;
        }
    }

    /// <summary>A lease that was loaded holds its key again.</summary>
    public void Adopt(RecordedLease lease, RecordableClaim claim)
    {
        lock (_gate)
        {
            (claim.RecordedIn, claim.RecordedAt) = (lease.Segment, lease.Place);
            lease.Segment!.Owners[lease.Place] = claim;
            _count++;

            // It may have been left unfinished.
            lease.Segment.Word(lease.Place, RecordedLease.StateOffset) = RecordedLease.StateOf(lease.Segment, lease.Place);
        }
    }

    /// <summary>A lease that was loaded does not hold its key: a newer one does.</summary>
    public void Drop(RecordedLease lease)
    {
        lock (_gate)
            _room.Clear(lease.Segment!, lease.Place);
    }

    /// <summary>What is left of a lease that was loaded.</summary>
    public TimeSpan RemainingOf(RecordedLease lease) =>
        lease.Until == RecordCover.Never ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(Math.Max(0, lease.Until - _clock.Now) + 1);

    /// <summary>Puts a lease on record, or off it, as it is now. To be called before its grant or its new end is answered.</summary>
    public void Update(RecordableClaim claim)
    {
        lock (_gate)
        {
            // Asked here: of a grant that a timer tells and of its end, the last to come decides.
            if (_isClosed)
                return;
            if (claim.State == ClaimState.Held)
                PutUnsynchronized(claim, isFinished: true);
            else
                RemoveUnsynchronized(claim);
        }
    }

    /// <summary>Puts leases on record of which the next broker is to find all or none.</summary>
    public void Update(IReadOnlyList<RecordableClaim> together)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            foreach (RecordableClaim claim in together)
            {
                if (claim.State == ClaimState.Held)
                    PutUnsynchronized(claim, isFinished: false);
            }

            foreach (RecordableClaim claim in together)
            {
                if (claim is { RecordedIn: { } segment, State: ClaimState.Held })
                {
                    ref long state = ref segment.Word(claim.RecordedAt, RecordedLease.StateOffset);
                    Volatile.Write(ref state, RecordedLease.StateOf(segment, claim.RecordedAt));
                }
            }
        }
    }

    /// <summary>Says that anything may be held for so long: a further broker that starts meanwhile grants nothing either.</summary>
    public void PauseAll(TimeSpan time)
    {
        lock (_gate)
            _cover.PauseFor(_room, time);

        Sync();
    }

    /// <summary>Forces to the disk what was written, where a power loss must not take it. To be called before anything of it is
    /// told.</summary>
    public void Sync()
    {
        if (!IsDurable || Volatile.Read(ref _room).Written == Volatile.Read(ref _synced))
            return;
        lock (_syncGate)
        {
            long written;
            List<RecordSegment> dirty;
            lock (_gate)
            {
                written = _room.Written;
                if (_isClosed || written == _synced)
                    return;
                dirty = _room.TakeDirty();
            }

            // Not under the gate that grants need: those that come meanwhile go with the next one.
            foreach (RecordSegment segment in dirty)
                segment.Flush();
            Syncs++;
            Volatile.Write(ref _synced, written);
        }
    }

    /// <summary>Tries again what could not be recorded, gives room back that is not needed, and keeps the clocks together.</summary>
    /// <exception cref="IOException">There is no room still.</exception>
    public void KeepHouse()
    {
        // The gate of syncs too: no segment goes while it is being forced to the disk.
        lock (_syncGate)
        {
            lock (_gate)
            {
                if (_isClosed)
                    return;
                _cover.KeepClock(_room.Head);
                if (IsBehind)
                    PayUnsynchronized();
                else
                    _room.Shrink(IsDurable);
                if (!IsBehind)
                    _cover.ForgetPause(_room);
                if (_count <= LargestToLookThrough)
                    _cover.LowerLatest(_room);
            }
        }
    }

    /// <summary>Makes a new file where the old one is gone, with all that lives in it.</summary>
    public void MakeAnew()
    {
        lock (_syncGate)
        {
            lock (_gate)
            {
                if (_isClosed)
                    return;
                IEnumerable<RecordableClaim?> standing = _room.Segments.SelectMany(static segment => segment.Owners);
                List<RecordableClaim> claims = [.. standing.OfType<RecordableClaim>(), .. _owed];

                // Beside its place until it is complete: whoever opens it there finds all or nothing.
                RecordRoom before = _room;
                Volatile.Write(ref _room, new RecordRoom(_path + ".new", isNew: true));
                Volatile.Write(ref _synced, -1);
                CopyUnsynchronized(before.Head, claims);
                before.Dispose();
                if (IsDurable)
                    _room.Flush();
                _room.MoveTo(_path + ".new", _path);
            }
        }
    }

    /// <summary>Whether the file at the path is another one, or none.</summary>
    public bool IsGone() => Volatile.Read(ref _room).IsGone(_path);

    public void Dispose()
    {
        lock (_syncGate)
        {
            lock (_gate)
            {
                _isClosed = true;
                _room.Dispose();
            }
        }
    }

    private void CopyUnsynchronized(RecordHead from, List<RecordableClaim> claims)
    {
        _room.FreeAll(_room.Head.Segment);
        _cover.Copy(from, _room.Head);
        _owed.Clear();
        _count = 0;
        foreach (RecordableClaim claim in claims)
        {
            claim.RecordedIn = null;
            if (claim.State == ClaimState.Held)
                PutUnsynchronized(claim, isFinished: true);
        }

        Volatile.Write(ref _isBehind, _owed.Count > 0);
    }

    private void PutUnsynchronized(RecordableClaim claim, bool isFinished)
    {
        long until = claim.Deadline == Claim.Never ? RecordCover.Never : _clock.Of(claim.Deadline);
        _cover.Raise(_room, claim.FencingToken, until);
        if (claim.RecordedIn is { } stands)
        {
            ref long end = ref stands.Word(claim.RecordedAt, RecordedLease.UntilOffset);
            if (end == until)
                return;
            Volatile.Write(ref end, until);
            _room.Touch(stands);
            return;
        }

        if (!_room.TryTake(RecordedLease.SizeOf(claim), out RecordSegment? segment, out int place))
        {
            _owed.Add(claim);
            RecordCover.Owe(_room, until);
            Volatile.Write(ref _isBehind, true);
            return;
        }

        long state = RecordedLease.Write(segment.Place(place), claim);
        segment.Word(place, RecordedLease.UntilOffset) = until;
        Volatile.Write(ref segment.Word(place, RecordedLease.StateOffset), isFinished ? state : state ^ RecordedLease.Unfinished);
        segment.Owners[place] = claim;
        (claim.RecordedIn, claim.RecordedAt) = (segment, place);
        Volatile.Write(ref _count, _count + 1);
        _room.Touch(segment);
    }

    private void RemoveUnsynchronized(RecordableClaim claim)
    {
        if (claim.RecordedIn is { } segment)
        {
            claim.RecordedIn = null;
            segment.Owners[claim.RecordedAt] = null;
            Volatile.Write(ref _count, _count - 1);
            _room.Clear(segment, claim.RecordedAt);
        }
        else if (_owed.Count > 0)
        {
            _owed.Remove(claim);
        }
    }

    private void PayUnsynchronized()
    {
        _room.IsFull = false;
        foreach (RecordableClaim? claim in _owed.ToArray())
        {
            _owed.Remove(claim);
            if (claim.State != ClaimState.Held)
                continue;
            PutUnsynchronized(claim, isFinished: true);
            if (_room.IsFull)
                break;
        }

        if (_owed.Count > 0)
            return;
        _cover.OweNothing(_room);
        Volatile.Write(ref _isBehind, false);
    }
}
