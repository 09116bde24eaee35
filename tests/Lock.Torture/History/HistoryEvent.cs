using System.Globalization;

namespace Locking.Torture;

/// <summary>One line of a history.</summary>
/// <param name="At">When, in ticks of the machine's monotonic clock, which all its processes share.</param>
/// <param name="Process">Whose line it is; for what the nemesis does to a process, that process.</param>
/// <param name="Kind">What happened.</param>
/// <param name="Key">The key, or "".</param>
/// <param name="Attempt">The attempt, unique in the history, or "".</param>
/// <param name="Token">The fencing token, or null.</param>
/// <param name="Number">See <see cref="EventKind"/>.</param>
/// <param name="Text">See <see cref="EventKind"/>.</param>
public sealed record HistoryEvent(
    long At, string Process, EventKind Kind, string Key = "", string Attempt = "", long? Token = null, long Number = 0, string Text = "")
{
    /// <summary>As a line of a file.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{At}\t{Process}\t{Kind}\t{Key}\t{Attempt}\t{Token}\t{Number}\t{Text.ReplaceLineEndings(" ").Replace('\t', ' ')}");

    /// <summary>Reads a line; null for half a line, as a process leaves it that is killed.</summary>
    public static HistoryEvent? Parse(string line)
    {
        ArgumentNullException.ThrowIfNull(line);
        return line.Split('\t') is [var at, var process, var kind, var key, var attempt, var token, var number, var text]
            && long.TryParse(at, CultureInfo.InvariantCulture, out long time) && Enum.TryParse<EventKind>(kind, out EventKind what)
            && long.TryParse(number, CultureInfo.InvariantCulture, out long count)
            ? new HistoryEvent(
                time, string.Intern(process), what, string.Intern(key), attempt,
                token.Length == 0 ? null : long.Parse(token, CultureInfo.InvariantCulture), count, string.Intern(text))
            : null;
    }
}
