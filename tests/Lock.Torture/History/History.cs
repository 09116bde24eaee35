namespace Locking.Torture;

/// <summary>All that happened in a run, in order of time, and what it says of every attempt.</summary>
public sealed class History
{
    private readonly Dictionary<string, List<(long From, long To)>> _withheld = new(StringComparer.Ordinal);

    /// <summary>Puts the lines of all processes in order.</summary>
    /// <exception cref="FormatException">There is no promise among them.</exception>
    public History(IEnumerable<HistoryEvent> events)
    {
        Events = [.. events.OrderBy(static one => one.At)];
        Promise = Promise.Parse(
            Events.FirstOrDefault(static one => one.Kind == EventKind.Promised)?.Text
                ?? throw new FormatException("The history does not say what it promises."));
        Dictionary<string, Attempt> attempts = new(StringComparer.Ordinal);
        foreach (HistoryEvent one in Events)
            Take(attempts, one);
        Attempts = [.. attempts.Values];
        foreach (Attempt attempt in Attempts)
            attempt.LastSeen = Math.Max(attempt.LastSeen, LastSeen.GetValueOrDefault(attempt.Process));
        foreach (string? name in _withheld.Keys.ToList())
            _withheld[name] = Merge(_withheld[name]);
    }

    /// <summary>The lines.</summary>
    public IReadOnlyList<HistoryEvent> Events { get; }

    /// <summary>What it is measured by.</summary>
    public Promise Promise { get; }

    /// <summary>The attempts, in order of asking.</summary>
    public IReadOnlyList<Attempt> Attempts { get; }

    /// <summary>When each process spoke for the last time.</summary>
    public Dictionary<string, long> LastSeen { get; } = new(StringComparer.Ordinal);

    /// <summary>When the store may have forgotten what was granted.</summary>
    public List<(long From, long To)> Forgotten { get; } = [];

    /// <summary>When the faults had ended; null when they had not.</summary>
    public long? Healed { get; private set; }

    /// <summary>When the requests had ended.</summary>
    public long End => Events.FirstOrDefault(static one => one.Kind == EventKind.Quiet)?.At ?? Events[^1].At;

    /// <summary>Reads a file, or all files of a folder.</summary>
    public static History Load(string path) => new(
        (Directory.Exists(path) ? Directory.GetFiles(path, "*.history") : [path]).SelectMany(File.ReadLines).Select(HistoryEvent.Parse)
            .OfType<HistoryEvent>());

    /// <summary>How much of a time a process is shown to have had no processor.</summary>
    public long Withheld(string process, long from, long to)
    {
        long sum = 0L;
        if (!_withheld.TryGetValue(process, out List<(long From, long To)>? gaps) || to <= from)
            return 0;
        int place = gaps.BinarySearch((from, long.MinValue),
            Comparer<(long From, long To)>.Create(static (a, b) => a.From.CompareTo(b.From)));
        for (int i = Math.Max(0, (place < 0 ? ~place : place) - 1); i < gaps.Count && gaps[i].From < to; i++)
            sum += Math.Max(0, Math.Min(to, gaps[i].To) - Math.Max(from, gaps[i].From));
        return sum;
    }

    /// <summary>Whether the store may have forgotten, before a time, what was asked for at another.</summary>
    public bool ForgotBetween(long asked, long at) => Forgotten.Exists(one => asked <= one.To && at >= one.From);

    private static List<(long From, long To)> Merge(List<(long From, long To)> gaps)
    {
        gaps.Sort();
        List<(long From, long To)> merged = [];
        foreach ((long From, long To) gap in gaps)
        {
            if (merged.Count > 0 && gap.From <= merged[^1].To)
                merged[^1] = (merged[^1].From, Math.Max(merged[^1].To, gap.To));
            else
                merged.Add(gap);
        }

        return merged;
    }

    private void Take(Dictionary<string, Attempt> attempts, HistoryEvent one)
    {
        if (one.Kind is not (EventKind.Paused or EventKind.Resumed or EventKind.Killed))
            LastSeen[one.Process] = one.At;
        if (one.Kind == EventKind.Asked)
            attempts[one.Attempt] = new Attempt(one.Process, one.Attempt, one.Key, one.At, one.Number, one.Text == "renew");
        Attempt? attempt = one.Attempt.Length > 0 ? attempts.GetValueOrDefault(one.Attempt) : null;
        switch (one.Kind)
        {
            case EventKind.Granted when attempt is not null:
                (attempt.Granted, attempt.Token, attempt.Due) = (one.At, one.Token, one.Number);
                break;
            case EventKind.Extended when attempt is not null:
                attempt.Due = one.Number;
                break;
            case EventKind.Refused or EventKind.Failed or EventKind.Cancelled when attempt is not null:
                attempt.Answer = (one.At, one.Kind, one.Text);
                break;
            case EventKind.Lost when attempt is not null:
                attempt.Lost = (one.At, one.Number, one.Text);
                break;
            case EventKind.Releasing when attempt is not null:
                attempt.Releasing = one.At;
                break;
            case EventKind.Released when attempt is not null:
                (attempt.Released, attempt.Outcome) = (one.At, one.Text);
                break;
            case EventKind.Gap:
                Withhold(one.Process, one.Number, one.At);
                break;
            case EventKind.Paused:
                Withhold(one.Process, one.At, long.MaxValue);
                break;
            case EventKind.Resumed:
                Continue(one.Process, one.At);
                break;
            case EventKind.Forgot:
                Forgotten.Add((one.Number, one.At));
                break;
            case EventKind.Healed:
                Healed = one.At;
                break;
        }
    }

    private void Withhold(string process, long from, long to)
    {
        if (!_withheld.TryGetValue(process, out List<(long From, long To)>? gaps))
            _withheld[process] = gaps = [];
        gaps.Add((from, to));
    }

    private void Continue(string process, long at)
    {
        if (_withheld.TryGetValue(process, out List<(long From, long To)>? gaps)
            && gaps.FindLastIndex(static gap => gap.To == long.MaxValue) is >= 0 and var last)
            gaps[last] = (gaps[last].From, at);
    }
}
