namespace Locking;

/// <summary>What a record says of all leases at once, in its head: raised before a lease needs it, lowered late. Under the record's
/// gate.</summary>
internal sealed class RecordCover(RecordClock clock)
{
    /// <summary>The end of a lease that has none.</summary>
    public const long Never = long.MaxValue;

    /// <summary>Holders of leases without expiry that are not on record have this long to come back to a broker that starts.</summary>
    internal static readonly TimeSpan PermanentWait = TimeSpan.FromSeconds(30);

    private const long TokensAhead = 1_000_000;
    private const long MillisecondsAhead = 10_000;

    private long _tokens;
    private long _pausedUntil;
    private long _lowerAt;

    /// <summary>Goes on where the record stands.</summary>
    /// <returns>The last token that may have been given out.</returns>
    public long Begin(RecordHead head)
    {
        clock.Begin(head.Clock, head.Skew);
        KeepClock(head);
        return _tokens = head.Token;
    }

    /// <summary>Says the same in a new file as in the one before it.</summary>
    public void Copy(RecordHead from, RecordHead to)
    {
        from.Clock.CopyTo(to.Clock);
        (to.Skew, to.Token) = (from.Skew, _tokens);
        (to.AnythingUntil, to.UnknownPermanent) = (_pausedUntil, from.UnknownPermanent);
    }

    /// <summary>Covers a lease that is about to be put on record.</summary>
    public void Raise(RecordRoom room, long token, long until)
    {
        RecordHead head = room.Head;
        if (token > _tokens)
        {
            head.Token = _tokens = token + TokensAhead;
            room.Touch(head.Segment);
        }

        if (until != Never && until > head.Latest)
        {
            head.Latest = until + MillisecondsAhead;
            room.Touch(head.Segment);
        }
    }

    /// <summary>Covers a lease for which there is no place: anything may be held until its end.</summary>
    public static void Owe(RecordRoom room, long until)
    {
        RecordHead head = room.Head;
        if (until == Never)
            head.UnknownPermanent = 1;
        else if (until > head.AnythingUntil)
            head.AnythingUntil = until + MillisecondsAhead;
        room.Touch(head.Segment);
    }

    /// <summary>All that lives stands on record by itself again.</summary>
    public void OweNothing(RecordRoom room)
    {
        room.Head.AnythingUntil = _pausedUntil;
        room.Touch(room.Head.Segment);
    }

    /// <summary>How long nothing may be granted, because of what is not there or cannot be read. The record says so from here on.</summary>
    public TimeSpan BeginPause(RecordRoom room, long now, bool isDamaged)
    {
        RecordHead head = room.Head;
        long until = head.AnythingUntil;
        if (isDamaged)
        {
            until = Math.Max(until, head.Latest);
            head.UnknownPermanent = 1;
        }

        if (head.UnknownPermanent != 0)
            until = Math.Max(until, now + (long)PermanentWait.TotalMilliseconds);
        _pausedUntil = until;
        head.AnythingUntil = until;
        room.Touch(head.Segment);
        return until > now ? TimeSpan.FromMilliseconds(until - now) : TimeSpan.Zero;
    }

    /// <summary>Anything may be held for so long.</summary>
    public void PauseFor(RecordRoom room, TimeSpan time)
    {
        _pausedUntil = Math.Max(_pausedUntil, clock.Now + TimerSpan.WholeMilliseconds(time));
        room.Head.AnythingUntil = Math.Max(room.Head.AnythingUntil, _pausedUntil);
        room.Touch(room.Head.Segment);
    }

    /// <summary>Once everything is on record and the pause is over, the next broker need not wait for those who never expire.</summary>
    public void ForgetPause(RecordRoom room)
    {
        RecordHead head = room.Head;
        if (head.UnknownPermanent == 0 || clock.Now < _pausedUntil)
            return;
        head.UnknownPermanent = 0;
        room.Touch(head.Segment);
    }

    /// <summary>A damaged place holds everything back until the latest end: that is not to be one of long ago.</summary>
    public void LowerLatest(RecordRoom room)
    {
        RecordHead head = room.Head;
        long now = clock.Now;
        if (now < _lowerAt || head.Latest <= now + MillisecondsAhead)
            return;
        _lowerAt = now + MillisecondsAhead;
        long needed = 0L;
        foreach (RecordSegment segment in room.Segments)
        {
            for (int place = 1; place < segment.Owners.Length; place++)
            {
                if (segment.Owners[place] is not null && segment.Word(place, RecordedLease.UntilOffset) is var until and not Never)
                    needed = Math.Max(needed, until + MillisecondsAhead);
            }
        }

        if (needed < head.Latest)
            head.Latest = needed;
    }

    /// <summary>Notes how far the two clocks are apart.</summary>
    public void KeepClock(RecordHead head)
    {
        long now = clock.Skew;
        if (Math.Abs(head.Skew - now) < 50)
            return;
        head.Skew = now;
        head.Segment.IsDirty = true;
    }
}
