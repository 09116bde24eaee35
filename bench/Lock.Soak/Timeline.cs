namespace Locking.Soak;

/// <summary>Finds when a key was free although somebody waited for it who could have had it.</summary>
internal static class Timeline
{
    /// <summary>A key that was free with waiters.</summary>
    /// <param name="Key">The key.</param>
    /// <param name="From">From when.</param>
    /// <param name="Length">For how long.</param>
    /// <param name="Waiters">Who waited.</param>
    public sealed record Gap(string Key, TimeSpan From, TimeSpan Length, string Waiters);

    /// <summary>The gaps of at least that length, and the longest of all.</summary>
    /// <remarks>
    /// Looks until <paramref name="end"/>, when the processes were told to end.
    /// A waiter that was paused may have been granted the lock without having said so: while one of the waiters is away, and for a moment
    /// after that, the key does not count as free. Neither does what a process held that was killed,
    /// until the broker can have seen its end.
    /// </remarks>
    public static (List<Gap> Gaps, TimeSpan Longest) Find(IReadOnlyList<Participant> participants, string key, long end, TimeSpan least)
    {
        const long Moment = TimeSpan.TicksPerMillisecond * 50;
        List<(long At, int Change, Participant? Waiter)> events = [];
        foreach (Participant participant in participants)
        {
            long died = participant.Away.Count > 0 && participant.Away[^1].To == long.MaxValue ? participant.Away[^1].From : long.MaxValue;
            foreach (Turn? turn in participant.Turns.Where(turn => turn.Key == key))
            {
                long got = Math.Min(turn.Got, turn.Ended);
                var asked = new Span(turn.Asked, Math.Min(got, died));
                Add(events, asked, 0, participant);
                if (turn.Got != long.MaxValue)
                    Add(events, new Span(turn.Got, Math.Min(turn.Ended, died)), 1, null);
                foreach (Span away in participant.Away.Where(away => away.From < asked.To && away.To + Moment > asked.From))
                    Add(events, new Span(away.From, away.To == long.MaxValue ? away.From + Moment : away.To + Moment), 1, null);
                if (died != long.MaxValue && turn.Asked <= died && turn.Ended > died)
                    Add(events, new Span(died, died + Moment), 1, null);
            }
        }

        events.RemoveAll(one => one.At > end);
        events.Sort(static (a, b) => a.At.CompareTo(b.At));
        List<Gap> gaps = [];
        Dictionary<Participant, int> waiting = [];
        int taken = 0;
        long longest = 0L;
        for (int i = 0; i < events.Count; i++)
        {
            (long at, int change, Participant? waiter) = events[i];
            if (waiter is null)
                taken += change;
            else if ((waiting[waiter] = waiting.GetValueOrDefault(waiter) + change) == 0)
                waiting.Remove(waiter);
            if (taken > 0 || waiting.Count == 0 || i + 1 == events.Count)
                continue;
            long length = events[i + 1].At - at;
            longest = Math.Max(longest, length);
            if (length >= least.Ticks)
                gaps.Add(new Gap(key, TimeSpan.FromTicks(at), TimeSpan.FromTicks(length),
                    string.Join(", ", waiting.Keys.Select(static one => one.Name))));
        }

        return (gaps, TimeSpan.FromTicks(longest));
    }

    private static void Add(List<(long At, int Change, Participant? Waiter)> events, Span span, int holds, Participant? waiter)
    {
        if (span.To <= span.From)
            return;
        events.Add((span.From, 1, holds == 0 ? waiter : null));
        events.Add((span.To, -1, holds == 0 ? waiter : null));
    }
}
