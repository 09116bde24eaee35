using System.Text.RegularExpressions;

namespace Locking.Api.Tests;

/// <summary>What a line of the sources may look like.</summary>
internal static partial class Dialect
{
    /// <summary>Columns of a line; what stands in a raw string literal does not count.</summary>
    public const int Columns = 140;

    /// <summary>What is wrong in a file, each with the number of its line.</summary>
    public static IEnumerable<string> Faults(string text)
    {
        List<(int Start, int End)> literals = RawLiterals.Of(text);
        int number = 0;
        int start = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            int end = start + line.Length;
            int raw = literals.Sum(one => Math.Max(0, Math.Min(one.End, end) - Math.Max(one.Start, start)));
            if (line.Length - raw > Columns)
                yield return $"{number}: {line.Length} columns; break it at {Columns}";
            if (raw == 0 && StaticField().Match(line) is { Success: true } field && !Underscored().IsMatch(field.Groups["name"].Value))
                yield return $"{number}: {field.Groups["name"].Value}; a private static field is called s_camel";
            if (raw == 0 && Constant().Match(line) is { Success: true } constant
                && !char.IsAsciiLetterUpper(constant.Groups["name"].Value[0]))
                yield return $"{number}: {constant.Groups["name"].Value}; a constant is called Pascal";
            start = end + 1;
        }
    }

    [GeneratedRegex(@"^\s*private (?:static readonly|readonly static) [^=;]*?(?<name>\w+)(?: =|;|\r?$)")]
    private static partial Regex StaticField();

    [GeneratedRegex(@"^\s*private const [^=;]*?(?<name>\w+)(?: =|\r?$)")]
    private static partial Regex Constant();

    [GeneratedRegex("^s_[a-z][A-Za-z0-9]*$")]
    private static partial Regex Underscored();
}
