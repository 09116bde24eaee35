using System.Globalization;

namespace Locking.Torture;

/// <summary>What a history is measured by. All times are in ticks.</summary>
/// <param name="Backend">Which backend, with which client.</param>
/// <param name="Seed">The seed of everything random.</param>
/// <param name="Ttl">The lease.</param>
/// <param name="Margin">How late a lost signal may be, beyond what the scheduler is shown to have withheld.</param>
/// <param name="Bound">How long after the end of all faults everybody must have been granted what they ask for.</param>
/// <param name="Settle">How long, after an attempt has ended without saying how, it may still hold the lock.</param>
/// <param name="Patience">How long after the end of a wait its answer may come; zero: not looked at.</param>
public sealed record Promise(string Backend, int Seed, long Ttl, long Margin, long Bound, long Settle, long Patience)
{
    /// <summary>As a text for the history's first line.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Backend} {Seed} {Ttl} {Margin} {Bound} {Settle} {Patience}");

    /// <summary>Reads such a text.</summary>
    public static Promise Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] words = text.Split(' ');
        return new Promise(
            words[0], int.Parse(words[1], CultureInfo.InvariantCulture), Ticks(2), Ticks(3), Ticks(4), Ticks(5), Ticks(6));

        long Ticks(int place) => long.Parse(words[place], CultureInfo.InvariantCulture);
    }
}
