using System.Globalization;

namespace Locking;

/// <summary>One life of a server, from start to end.</summary>
/// <param name="RunId">New at each start.</param>
/// <param name="Note">What was noted about its vote: from when on it votes, the run id, and a name that no other note has; empty for
/// nothing.</param>
/// <param name="Now">Its clock, in milliseconds.</param>
/// <param name="Longest">The longest ttl on record there; zero for none.</param>
internal sealed record RedisLife(string RunId, string Note, long Now, TimeSpan Longest)
{
    /// <summary>The run id of a server that does not tell.</summary>
    public const string Unknown = "?";

    /// <summary>Whether the note was made in this life, and not brought back from a file.</summary>
    public bool IsNoted => Note.Split(' ') is [_, var runId, _] && runId == RunId;

    /// <summary>For how long it does not vote yet; zero when it votes.</summary>
    /// <remarks>Every lease that it may have voted for in an earlier life has ended by then.</remarks>
    public TimeSpan Rest => Span(Math.Max(From - Now, 0));

    /// <summary>Whether it is noted to vote by now.</summary>
    public bool Votes => IsNoted && Rest == TimeSpan.Zero;

    private long From => long.TryParse(Note.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long from) ? from : 0;

    /// <summary>Milliseconds as a span, which has fewer of them than a number.</summary>
    internal static TimeSpan Span(long milliseconds) =>
        TimeSpan.FromMilliseconds(Math.Min(milliseconds, (long)TimeSpan.MaxValue.TotalDays * 86_400_000L));
}
