namespace Locking.Api.Tests;

/// <summary>Finds the raw string literals of a C# file, which no line break may be put into.</summary>
internal static class RawLiterals
{
    /// <summary>Where they begin and end, quotes included.</summary>
    public static List<(int Start, int End)> Of(string text)
    {
        var found = new List<(int Start, int End)>();
        int at = 0;
        while (at < text.Length)
            at = AfterToken(text, at, found);
        return found;
    }

    /// <summary>The end of what begins here: a comment, a literal, or one character of anything else.</summary>
    private static int AfterToken(string text, int at, List<(int Start, int End)> found)
    {
        if (Is(text, at, "//"))
            return After(text, at, "\n");
        if (Is(text, at, "/*"))
            return After(text, at + 2, "*/");
        if (text[at] == '\'')
            return AfterCharacter(text, at);
        if (text[at] is not ('"' or '$' or '@'))
            return at + 1;
        int quote = at;
        while (quote < text.Length && text[quote] is '$' or '@')
            quote++;
        if (quote == text.Length || text[quote] != '"')
            return quote;
        string prefix = text[at..quote];
        int quotes = Run(text, quote, '"');
        if (quotes < 3 || prefix.Contains('@', StringComparison.Ordinal))
            return AfterString(text, quote + 1, prefix, found);
        int end = AfterRaw(text, quote + quotes, quotes, prefix.Length);
        found.Add((at, end));
        return end;
    }

    private static int AfterString(string text, int at, string prefix, List<(int Start, int End)> found)
    {
        bool isVerbatim = prefix.Contains('@', StringComparison.Ordinal);
        bool hasHoles = prefix.Contains('$', StringComparison.Ordinal);
        while (at < text.Length)
        {
            if (isVerbatim && Is(text, at, "\"\""))
                at += 2;
            else if (text[at] == '"')
                return at + 1;
            else if ((!isVerbatim && text[at] == '\\') || (hasHoles && Is(text, at, "{{")))
                at += 2;
            else if (hasHoles && text[at] == '{')
                at = AfterHole(text, at + 1, found);
            else
                at++;
        }

        return at;
    }

    private static int AfterRaw(string text, int at, int quotes, int dollars)
    {
        while (at < text.Length)
        {
            if (text[at] == '"' && Run(text, at, '"') is var run && run >= quotes)
                return at + run;
            if (dollars > 0 && text[at] == '{' && Run(text, at, '{') is var braces && braces >= dollars)
                at = AfterHole(text, at + braces, []) + dollars - 1;
            else
                at++;
        }

        return at;
    }

    private static int AfterHole(string text, int at, List<(int Start, int End)> found)
    {
        int depth = 0;
        while (at < text.Length && (depth > 0 || text[at] != '}'))
        {
            if (text[at] is '{' or '(' or '[')
                depth++;
            else if (text[at] is '}' or ')' or ']')
                depth--;
            at = AfterToken(text, at, found);
        }

        return at + 1;
    }

    private static int AfterCharacter(string text, int at)
    {
        int end = text.IndexOf('\'', at + (Is(text, at + 1, "\\") ? 3 : 2));
        return end < 0 || end > at + 10 ? at + 1 : end + 1;
    }

    private static int After(string text, int at, string end) =>
        text.IndexOf(end, at, StringComparison.Ordinal) is var found and >= 0 ? found + end.Length : text.Length;

    private static bool Is(string text, int at, string what) => string.CompareOrdinal(text, at, what, 0, what.Length) == 0;

    private static int Run(string text, int at, char what)
    {
        int end = at;
        while (end < text.Length && text[end] == what)
            end++;
        return end - at;
    }
}
