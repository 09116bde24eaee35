using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>Every lease that this broker has granted and that has not ended, for the broker after it: one place each in a mapped file.</summary>
/// <remarks>
/// <para>
/// A grant stands here before it is answered, and so does each new end of it. Storing one number puts it on record, storing zero takes it off; a
/// place is never written over while a lease stands there. So the file is right whenever this process is killed, and needs nothing written
/// at the end or at the start: whoever comes next reads what stands there.
/// </para>
/// <para>
/// The room is allocated before it is used. Where there is none for a further lease, the file says in its head, whose room is there, until
/// when anything may be held: the next broker then grants nothing for so long. The file grows and shrinks with the leases that live at one time.
/// </para>
/// <para>A killed process loses nothing. What a power loss must not take is forced to the disk by <see cref="Sync"/> before it is answered.</para>
/// </remarks>
internal sealed partial class LeaseRecord : IDisposable
{
    private const int SkewOffset = 64;
    private const int TokenOffset = 72;
    private const int AnythingUntilOffset = 80;
    private const int LatestOffset = 88;
    private const int UnknownPermanentOffset = 96;
    private const int ClockOffset = 104;
    private const int ClockLength = 80;

    private const int FirstLength = 4 * RecordSegment.Unit;
    private const int LargerLength = 16 * RecordSegment.Unit;
    private const long TokensAhead = 1_000_000;
    private const long MillisecondsAhead = 10_000;
    private const long Never = long.MaxValue;

    /// <summary>Turns the state of a lease into that of one whose companions are not all there yet.</summary>
    private const long Unfinished = 0x5A5A_5A5A_5A5A_5A5A;

    private readonly Lock _gate = new();
    private readonly Lock _syncGate = new();
    private readonly string _path;
    private readonly RecordClock _clock;
    private readonly List<RecordSegment> _segments = [];
    private readonly Dictionary<int, Stack<(RecordSegment Segment, int Place)>> _free = [];
    private readonly HashSet<BrokerClaim> _owed = [];
    private SafeFileHandle _file;
    private long _length;
    private long _tokens;
    private long _written;
    private long _synced;
    private long _pausedUntil;
    private long _lowerAt;
    private int _count;
    private bool _isFull;
    private bool _isBehind;
    private bool _isClosed;

    /// <summary>Opens the record, or makes one. The leases in it stay as they stand.</summary>
    /// <exception cref="IOException">It cannot be written, or is some other file.</exception>
    public LeaseRecord(string path, bool isDurable, TimeProvider time, Guid? boot = null)
    {
        _path = path;
        _clock = new RecordClock(time, boot);
        IsDurable = isDurable;
        _file = Open(path, FileMode.OpenOrCreate);
        try
        {
            _length = RandomAccess.GetLength(_file);
            if (_length > 0 && !IsFresh())
                MapAll();
            else
                Begin();
            var head = _segments[0];
            _clock.Begin(head.Bytes(ClockOffset, ClockLength), head.Word(SkewOffset));
            KeepClock();
            LastToken = _tokens = head.Word(TokenOffset);
        }
        catch
        {
            Close();
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
    public long Length => Volatile.Read(ref _length);

    /// <summary>What the broker before has left, the newest first. To be called once, before anything else.</summary>
    public List<RecordedLease> Load()
    {
        List<RecordedLease> leases = [];
        List<RecordedLease> unfinished = [];
        HashSet<string> finished = [];
        List<(RecordSegment Segment, int Place)> damaged = [];
        var now = _clock.Now;
        lock (_gate)
        {
            // From the end: the first places are the next to be used, so that the last segment empties.
            foreach (var segment in Enumerable.Reverse(_segments))
            {
                for (var place = segment.Owners.Length - 1; place > 0; place--)
                {
                    var state = segment.Word(place, RecordedLease.StateOffset);
                    if (state == 0)
                    {
                        FreeOf(segment).Push((segment, place));
                        continue;
                    }

                    var lease = RecordedLease.Read(segment.Place(place), out var whole);
                    if (lease is null || (state != whole && state != (whole ^ Unfinished)))
                    {
                        damaged.Add((segment, place));
                        continue;
                    }

                    lease = lease with { Segment = segment, Place = place };
                    if (lease.Until <= now)
                        ClearUnsynchronized(segment, place);
                    else if (state == whole)
                        leases.Add(lease);
                    else
                        unfinished.Add(lease);
                    if (state == whole && lease.IsMember)
                        finished.Add(lease.Id);
                }
            }

            // Of several keys taken together: where one is finished, all were there; where none is, nobody was told.
            foreach (var lease in unfinished)
            {
                if (finished.Contains(lease.Id))
                    leases.Add(lease);
                else
                    ClearUnsynchronized(lease.Segment!, lease.Place);
            }

            PauseUnsynchronized(now, damaged);
        }

        leases.Sort(static (left, right) => right.Token.CompareTo(left.Token));
        return leases;
    }

    /// <summary>A lease that was loaded holds its key again.</summary>
    public void Adopt(RecordedLease lease, BrokerClaim claim)
    {
        lock (_gate)
        {
            (claim.RecordedIn, claim.RecordedAt) = (lease.Segment, lease.Place);
            lease.Segment!.Owners[lease.Place] = claim;
            _count++;

            // It may have been left unfinished.
            lease.Segment.Word(lease.Place, RecordedLease.StateOffset) = StateOf(lease.Segment, lease.Place);
        }
    }

    /// <summary>A lease that was loaded does not hold its key: a newer one does.</summary>
    public void Drop(RecordedLease lease)
    {
        lock (_gate)
            ClearUnsynchronized(lease.Segment!, lease.Place);
    }

    /// <summary>What is left of a lease that was loaded.</summary>
    public TimeSpan RemainingOf(RecordedLease lease) =>
        lease.Until == Never ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(Math.Max(0, lease.Until - _clock.Now) + 1);

    /// <summary>Puts a lease on record, or off it, as it is now. To be called before its grant or its new end is answered.</summary>
    public void Update(BrokerClaim claim)
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
    public void Update(IReadOnlyList<BrokerClaim> together)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            foreach (var claim in together)
            {
                if (claim.State == ClaimState.Held)
                    PutUnsynchronized(claim, isFinished: false);
            }

            foreach (var claim in together)
            {
                if (claim is { RecordedIn: { } segment, State: ClaimState.Held })
                    Volatile.Write(ref segment.Word(claim.RecordedAt, RecordedLease.StateOffset), StateOf(segment, claim.RecordedAt));
            }
        }
    }

    /// <summary>Says that anything may be held for so long: a further broker that starts meanwhile grants nothing either.</summary>
    public void PauseAll(TimeSpan time)
    {
        lock (_gate)
        {
            _pausedUntil = Math.Max(_pausedUntil, _clock.Now + (long)Math.Ceiling(time.TotalMilliseconds));
            ref var until = ref _segments[0].Word(AnythingUntilOffset);
            until = Math.Max(until, _pausedUntil);
            Touch(_segments[0]);
        }

        Sync();
    }

    /// <summary>Forces to the disk what was written, where a power loss must not take it. To be called before anything of it is told.</summary>
    public void Sync()
    {
        if (!IsDurable || Volatile.Read(ref _written) == Volatile.Read(ref _synced))
            return;
        lock (_syncGate)
        {
            long written;
            List<RecordSegment> dirty = [];
            lock (_gate)
            {
                written = _written;
                if (_isClosed || written == _synced)
                    return;
                foreach (var segment in _segments)
                {
                    if (!segment.IsDirty)
                        continue;
                    segment.IsDirty = false;
                    dirty.Add(segment);
                }
            }

            // Not under the gate that grants need: those that come meanwhile go with the next one.
            foreach (var segment in dirty)
                segment.Flush();
            Syncs++;
            Volatile.Write(ref _synced, written);
        }
    }

    public void Dispose()
    {
        lock (_syncGate)
        {
            lock (_gate)
                Close();
        }
    }

    private static SafeFileHandle Open(string path, FileMode mode)
    {
        var file = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

        // Whoever knows an id can release its lock.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private static long StateOf(RecordSegment segment, int place)
    {
        _ = RecordedLease.Read(segment.Place(place), out var state);
        return state;
    }

    private void PutUnsynchronized(BrokerClaim claim, bool isFinished)
    {
        var until = claim.Deadline == Claim.Never ? Never : _clock.Of(claim.Deadline);
        CoverUnsynchronized(claim.FencingToken, until);
        if (claim.RecordedIn is { } stands)
        {
            ref var end = ref stands.Word(claim.RecordedAt, RecordedLease.UntilOffset);
            if (end == until)
                return;
            Volatile.Write(ref end, until);
            Touch(stands);
            return;
        }

        if (!TryTakePlace(RecordedLease.SizeOf(claim), out var segment, out var place))
        {
            OweUnsynchronized(claim, until);
            return;
        }

        var state = RecordedLease.Write(segment.Place(place), claim);
        segment.Word(place, RecordedLease.UntilOffset) = until;
        Volatile.Write(ref segment.Word(place, RecordedLease.StateOffset), isFinished ? state : state ^ Unfinished);
        segment.Owners[place] = claim;
        (claim.RecordedIn, claim.RecordedAt) = (segment, place);
        Volatile.Write(ref _count, _count + 1);
        Touch(segment);
    }

    private void RemoveUnsynchronized(BrokerClaim claim)
    {
        if (claim.RecordedIn is { } segment)
        {
            claim.RecordedIn = null;
            segment.Owners[claim.RecordedAt] = null;
            Volatile.Write(ref _count, _count - 1);
            ClearUnsynchronized(segment, claim.RecordedAt);
        }
        else if (_owed.Count > 0)
        {
            _owed.Remove(claim);
        }
    }

    /// <summary>Takes what stands there off the record. A power loss may bring it back, until its end: nothing is forced to the disk for it.</summary>
    private void ClearUnsynchronized(RecordSegment segment, int place)
    {
        Volatile.Write(ref segment.Word(place, RecordedLease.StateOffset), 0);
        segment.IsDirty = true;
        FreeOf(segment).Push((segment, place));
    }

    /// <summary>Raises what the head says of all leases, before the one that needs it.</summary>
    private void CoverUnsynchronized(long token, long until)
    {
        var head = _segments[0];
        if (token > _tokens)
        {
            head.Word(TokenOffset) = _tokens = token + TokensAhead;
            Touch(head);
        }

        if (until != Never && until > head.Word(LatestOffset))
        {
            head.Word(LatestOffset) = until + MillisecondsAhead;
            Touch(head);
        }
    }

    private void OweUnsynchronized(BrokerClaim claim, long until)
    {
        _owed.Add(claim);
        var head = _segments[0];
        ref var anything = ref head.Word(AnythingUntilOffset);
        if (until == Never)
            head.Word(UnknownPermanentOffset) = 1;
        else if (until > anything)
            anything = until + MillisecondsAhead;
        Volatile.Write(ref _isBehind, true);
        Touch(head);
    }

    private void Touch(RecordSegment segment)
    {
        segment.IsDirty = true;
        Volatile.Write(ref _written, _written + 1);
    }

    /// <summary>How long nothing may be granted, because of what is not there or cannot be read.</summary>
    private void PauseUnsynchronized(long now, List<(RecordSegment Segment, int Place)> damaged)
    {
        var head = _segments[0];
        var until = head.Word(AnythingUntilOffset);
        IsDamaged |= damaged.Count > 0;
        if (IsDamaged)
        {
            until = Math.Max(until, head.Word(LatestOffset));
            head.Word(UnknownPermanentOffset) = 1;
        }

        if (head.Word(UnknownPermanentOffset) != 0)
            until = Math.Max(until, now + (long)BrokerServer.PermanentWait.TotalMilliseconds);
        _pausedUntil = until;
        Pause = until > now ? TimeSpan.FromMilliseconds(until - now) : TimeSpan.Zero;

        // First that anything may be held, then the places that say what they cannot say any more.
        head.Word(AnythingUntilOffset) = until;
        Touch(head);
        Thread.MemoryBarrier();
        foreach (var (segment, place) in damaged)
            ClearUnsynchronized(segment, place);
    }

    private Stack<(RecordSegment Segment, int Place)> FreeOf(RecordSegment segment) => FreeOf(segment.PlaceSize);

    private Stack<(RecordSegment Segment, int Place)> FreeOf(int placeSize)
    {
        if (!_free.TryGetValue(placeSize, out var free))
            _free.Add(placeSize, free = new Stack<(RecordSegment, int)>());
        return free;
    }
}
