using System.Text.RegularExpressions;

namespace Locking.Api.Tests;

/// <summary>Methods that do not fit on a page, and files that are more than a reader keeps in mind.</summary>
/// <remarks>By the shape of the lines: a member begins with a modifier, and ends where its brace, or its semicolon, stands at its own
/// column.</remarks>
internal static partial class Lengths
{
    public const int MostOfAMethod = 40;
    public const int MostOfAFile = 350;

    /// <summary>What is too long: where, how long, and what to do.</summary>
    public static IEnumerable<string> Faults(string text)
    {
        string[] lines = text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        if (lines.Length > MostOfAFile)
            yield return $"1: {lines.Length} lines; a file has at most {MostOfAFile}";
        for (int i = 0; i < lines.Length; i++)
        {
            if (Header().Match(lines[i]) is not { Success: true } header || TypeHeader().IsMatch(lines[i]))
                continue;
            int length = EndOf(lines, i, header.Groups["indent"].Value) - i + 1;
            if (length > MostOfAMethod)
                yield return $"{i + 1}: {length} lines; a method has at most {MostOfAMethod}";
        }
    }

    private static int EndOf(string[] lines, int start, string indent)
    {
        bool hasBody = false;
        for (int i = start; i < lines.Length; i++)
        {
            hasBody |= lines[i] == indent + "{";
            bool isEnd = hasBody
                ? lines[i] == indent + "}" || lines[i] == indent + "};" || lines[i] == indent + "});"
                : lines[i].EndsWith(';') || lines[i] == indent + "}";
            if (isEnd)
                return i;
        }

        return lines.Length - 1;
    }

    [GeneratedRegex(@"^(?<indent> +)(?:(?:public|private|protected|internal|static|async|override|sealed|virtual|unsafe|partial)\s+)+"
        + @"(?:[\w<>\[\],?.() ]+\s+)?[\w.]+(?:<[^>]*>)?\(", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Header();

    [GeneratedRegex(@"\b(?:class|record|struct|interface|delegate)\b", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex TypeHeader();
}
