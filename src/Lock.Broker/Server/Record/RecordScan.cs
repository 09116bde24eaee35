namespace Locking;

/// <summary>What stands in a record when it is opened, place by place.</summary>
/// <remarks>Of several keys taken together: where one is finished, all were there; where none is, nobody was told.</remarks>
internal sealed class RecordScan
{
    private readonly RecordRoom _room;
    private readonly long _now;
    private readonly List<RecordedLease> _leases = [];
    private readonly List<RecordedLease> _unfinished = [];
    private readonly HashSet<string> _finished = [];

    /// <summary>Reads it. Places in which nothing stands, or what has ended, are free from then on.</summary>
    /// <param name="room">Where.</param>
    /// <param name="now">The time in the record's milliseconds.</param>
    public RecordScan(RecordRoom room, long now)
    {
        _room = room;
        _now = now;

        // From the end: the first places are the next to be used, so that the last segment empties.
        foreach (RecordSegment? segment in room.Segments.Reverse())
        {
            for (int place = segment.Owners.Length - 1; place > 0; place--)
                Read(segment, place);
        }

        foreach (RecordedLease lease in _unfinished)
        {
            if (_finished.Contains(lease.Id))
                _leases.Add(lease);
            else
                room.Clear(lease.Segment!, lease.Place);
        }

        _leases.Sort(static (left, right) => right.Token.CompareTo(left.Token));
    }

    /// <summary>What may still be held, the newest first.</summary>
    public List<RecordedLease> Leases => _leases;

    /// <summary>Places that cannot be read.</summary>
    public List<(RecordSegment Segment, int Place)> Damaged { get; } = [];

    private void Read(RecordSegment segment, int place)
    {
        long state = segment.Word(place, RecordedLease.StateOffset);
        if (state == 0)
        {
            _room.Free(segment, place);
            return;
        }

        var lease = RecordedLease.Read(segment.Place(place), out long whole);
        if (lease is null || (state != whole && state != (whole ^ RecordedLease.Unfinished)))
        {
            Damaged.Add((segment, place));
            return;
        }

        lease = lease with { Segment = segment, Place = place };
        if (lease.Until <= _now)
            _room.Clear(segment, place);
        else if (state == whole)
            _leases.Add(lease);
        else
            _unfinished.Add(lease);
        if (state == whole && lease.IsMember)
            _finished.Add(lease.Id);
    }
}
