namespace Locking.Bench;

/// <summary>A place in a page that a program writes, between two marks that nobody sees.</summary>
internal static class MarkedPlace
{
    /// <summary>Replaces what stands between the marks.</summary>
    /// <param name="page">The page's text.</param>
    /// <param name="name">The place: its marks are <c>&lt;!-- NAME begins --&gt;</c> and <c>&lt;!-- NAME ends --&gt;</c>.</param>
    /// <param name="content">What is to stand there, whole lines.</param>
    /// <returns>The page, otherwise as it was.</returns>
    /// <exception cref="InvalidOperationException">The page has no such place, or its marks are in the wrong order.</exception>
    public static string Fill(string page, string name, string content)
    {
        string begin = $"<!-- {name} begins -->";
        string end = $"<!-- {name} ends -->";
        int from = page.IndexOf(begin, StringComparison.Ordinal);
        int to = page.IndexOf(end, StringComparison.Ordinal);
        if (from < 0 || to < from)
            throw new InvalidOperationException($"The page has no place between '{begin}' and '{end}'.");
        return $"{page[..(from + begin.Length)]}\n{content.Trim('\n')}\n{page[to..]}";
    }
}
