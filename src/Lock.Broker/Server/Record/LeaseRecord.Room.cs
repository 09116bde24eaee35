namespace Locking;

/// <content>The room of the file: it grows by segments, and gives the last one back when the leases fit into the others.</content>
internal sealed partial class LeaseRecord
{
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
                KeepClock();
                if (IsBehind)
                    PayUnsynchronized();
                else
                    ShrinkUnsynchronized();
                ForgetPauseUnsynchronized();
                LowerLatestUnsynchronized();
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
                List<BrokerClaim> claims = [.. _segments.SelectMany(static segment => segment.Owners).OfType<BrokerClaim>(), .. _owed];
                var head = _segments[0];
                var (skew, anything, permanent) = (head.Word(SkewOffset), head.Word(AnythingUntilOffset), head.Word(UnknownPermanentOffset));
                var clock = head.Bytes(ClockOffset, ClockLength).ToArray();

                // Beside its place until it is complete: whoever opens it there finds all or nothing.
                var file = Open(_path + ".new", FileMode.Create);
                List<RecordSegment> before = [.. _segments];
                var old = (_file, _length);
                (_file, _length) = (file, 0);
                _segments.Clear();
                try
                {
                    Begin();
                }
                catch
                {
                    file.Dispose();
                    (_file, _length) = old;
                    _segments.Clear();
                    _segments.AddRange(before);
                    throw;
                }

                _free.Clear();
                for (var place = _segments[0].Owners.Length - 1; place > 0; place--)
                    FreeOf(_segments[0]).Push((_segments[0], place));
                clock.CopyTo(_segments[0].Bytes(ClockOffset, ClockLength));
                (_segments[0].Word(SkewOffset), _segments[0].Word(TokenOffset)) = (skew, _tokens);
                (_segments[0].Word(AnythingUntilOffset), _segments[0].Word(UnknownPermanentOffset)) = (anything, permanent);
                _owed.Clear();
                (_count, _isFull) = (0, false);
                foreach (var claim in claims)
                {
                    claim.RecordedIn = null;
                    if (claim.State == ClaimState.Held)
                        PutUnsynchronized(claim, isFinished: true);
                }

                Volatile.Write(ref _isBehind, _owed.Count > 0);
                foreach (var segment in before)
                    segment.Dispose();
                old._file.Dispose();
                if (IsDurable)
                    _segments.ForEach(static segment => segment.Flush());
                File.Move(_path + ".new", _path, overwrite: true);
            }
        }
    }

    /// <summary>Whether the file at the path is another one, or none.</summary>
    public bool IsGone() => UnixFiles.IdentityOf(_path) is var there && there != UnixFiles.IdentityOf(_file);

    private bool TryTakePlace(int size, out RecordSegment segment, out int place)
    {
        var placeSize = RecordSegment.SmallestPlace;
        while (placeSize < size)
            placeSize *= 4;
        var free = FreeOf(placeSize);
        if (free.Count == 0 && !TryGrow(placeSize))
        {
            (segment, place) = (null!, 0);
            return false;
        }

        (segment, place) = free.Pop();
        return true;
    }

    private bool TryGrow(int placeSize)
    {
        // Tried again by the housekeeping alone: each grant would fail the same way, and pay for it.
        if (_isFull)
            return false;
        try
        {
            var least = placeSize == RecordSegment.SmallestPlace ? LargerLength : RecordSegment.Unit;
            var segment = Add(Math.Max(least, RoundUp(2 * placeSize)), placeSize);
            for (var place = segment.Owners.Length - 1; place > 0; place--)
                FreeOf(segment).Push((segment, place));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isFull = true;
            return false;
        }
    }

    private static int RoundUp(int length) => (length + RecordSegment.Unit - 1) / RecordSegment.Unit * RecordSegment.Unit;

    /// <summary>Allocates a segment at the end of the file. It is none before its head is there.</summary>
    private RecordSegment Add(int length, int placeSize)
    {
        var zeros = new byte[RecordSegment.Unit];
        try
        {
            for (var done = 0; done < length; done += zeros.Length)
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
        Volatile.Write(ref _written, _written + 1);
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

    private void Begin() => Add(FirstLength, RecordSegment.SmallestPlace);

    /// <summary>Whether nothing but zeros stands where the head would: its maker was killed before it was one.</summary>
    private bool IsFresh()
    {
        var head = new byte[RecordSegment.SmallestPlace];
        RandomAccess.Read(_file, head, 0);
        if (head.AsSpan(0, 8).ContainsAnyExcept((byte)0))
            return false;
        TryCutTo(0);
        _length = 0;
        return true;
    }

    private void MapAll()
    {
        var head = new byte[RecordSegment.SmallestPlace];
        var at = 0L;
        while (at < _length)
        {
            head.AsSpan().Clear();
            RandomAccess.Read(_file, head, at);
            if (!RecordSegment.TryReadHead(head, out var length, out var placeSize) || at + length > _length)
            {
                if (at == 0)
                    throw new IOException("it is damaged, or no record of a broker. Where nothing is held that it could tell of, remove it.");

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
            _segments[0].Word(AnythingUntilOffset) = Math.Max(_segments[0].Word(AnythingUntilOffset), _segments[0].Word(LatestOffset));
            _segments[0].Word(UnknownPermanentOffset) = 1;
            Touch(_segments[0]);
        }

        if (at < _length)
            TryCutTo(at);
        _length = at;
    }

    private void PayUnsynchronized()
    {
        _isFull = false;
        foreach (var claim in _owed.ToArray())
        {
            _owed.Remove(claim);
            if (claim.State != ClaimState.Held)
                continue;
            PutUnsynchronized(claim, isFinished: true);
            if (_isFull)
                break;
        }

        if (_owed.Count > 0)
            return;
        _segments[0].Word(AnythingUntilOffset) = _pausedUntil;
        Touch(_segments[0]);
        Volatile.Write(ref _isBehind, false);
    }

    /// <summary>Once everything is on record and the pause is over, the next broker need not wait for those who never expire.</summary>
    private void ForgetPauseUnsynchronized()
    {
        var head = _segments[0];
        if (IsBehind || head.Word(UnknownPermanentOffset) == 0 || _clock.Now < _pausedUntil)
            return;
        head.Word(UnknownPermanentOffset) = 0;
        Touch(head);
    }

    /// <summary>Moves what stands in the last segment into the others when it fits there, and gives that segment back.</summary>
    private void ShrinkUnsynchronized()
    {
        if (_segments.Count < 2)
            return;
        var last = _segments[^1];
        var places = last.Owners.Length - 1;
        var free = FreeOf(last);
        var inUse = last.Owners.Count(static owner => owner is not null);
        var elsewhere = free.Count - (places - inUse);
        var isOnly = inUse == 0 && !_segments.Exists(segment => segment != last && segment.PlaceSize == last.PlaceSize);

        // Not at once when it just fits: what is given back now would be asked for again.
        if (!isOnly && elsewhere < inUse + (places / 4))
            return;
        var others = new Stack<(RecordSegment Segment, int Place)>(free.Where(one => one.Segment != last).Reverse());
        for (var place = 1; place < last.Owners.Length; place++)
        {
            if (last.Owners[place] is not { } claim)
                continue;
            var (segment, to) = others.Pop();
            var source = last.Place(place);
            source[8..].CopyTo(segment.Place(to)[8..]);

            // There first: for a moment it stands twice, which the next broker takes for one.
            Volatile.Write(ref segment.Word(to, RecordedLease.StateOffset), last.Word(place, RecordedLease.StateOffset));
            segment.Owners[to] = claim;
            (claim.RecordedIn, claim.RecordedAt) = (segment, to);
            Touch(segment);
        }

        if (IsDurable)
            _segments.ForEach(segment => segment.Flush());
        _free[last.PlaceSize] = others;
        _segments.RemoveAt(_segments.Count - 1);
        last.Dispose();
        Volatile.Write(ref _length, last.Position);
        TryCutTo(last.Position);
    }

    /// <summary>A damaged place holds everything back until the latest end: that is not to be one of long ago.</summary>
    private void LowerLatestUnsynchronized()
    {
        var head = _segments[0];
        var latest = head.Word(LatestOffset);
        var now = _clock.Now;
        if (_count > 10_000 || now < _lowerAt || latest <= now + MillisecondsAhead)
            return;
        _lowerAt = now + MillisecondsAhead;
        var needed = 0L;
        foreach (var segment in _segments)
        {
            for (var place = 1; place < segment.Owners.Length; place++)
            {
                if (segment.Owners[place] is not null && segment.Word(place, RecordedLease.UntilOffset) is var until and not Never)
                    needed = Math.Max(needed, until + MillisecondsAhead);
            }
        }

        if (needed < latest)
            head.Word(LatestOffset) = needed;
    }

    private void KeepClock()
    {
        ref var skew = ref _segments[0].Word(SkewOffset);
        var now = _clock.Skew;
        if (Math.Abs(skew - now) < 50)
            return;
        skew = now;
        _segments[0].IsDirty = true;
    }

    private void Close()
    {
        _isClosed = true;
        foreach (var segment in _segments)
            segment.Dispose();
        _segments.Clear();
        _file.Dispose();
    }
}
