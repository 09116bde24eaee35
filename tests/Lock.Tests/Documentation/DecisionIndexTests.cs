using System.Text.RegularExpressions;

namespace Locking.Tests.Documentation;

/// <summary>docs/decisions/README.md lists every record with the status that its file says. To bring it up to date:
/// <c>LOCK_ACCEPT_INDEX=1 dotnet test tests/Lock.Tests</c>.</summary>
public sealed partial class DecisionIndexTests
{
    private const string Head = "| Record | Title | Status |\n|---|---|---|\n";

    private static readonly string s_folder = Path.Combine(Page.Root, "docs", "decisions");

    [Fact]
    public void The_index_lists_every_record_with_the_status_that_its_file_says()
    {
        string page = Page.Read("docs", "decisions", "README.md");
        var records = Files().Select(RowOf).ToList();
        int start = page.IndexOf(Head, StringComparison.Ordinal) + Head.Length;
        if (Environment.GetEnvironmentVariable("LOCK_ACCEPT_INDEX") == "1")
            File.WriteAllText(Path.Combine(s_folder, "README.md"), page = page[..start] + string.Concat(records));
        Assert.Equal(records, page[start..].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static row => row + "\n"));
    }

    [Fact]
    public void A_record_that_is_superseded_names_one_that_is_there()
    {
        foreach (string file in Files())
        {
            foreach (Match link in Link().Matches(File.ReadAllText(file)))
                Assert.True(File.Exists(Path.Combine(s_folder, link.Groups[2].Value)), $"{Path.GetFileName(file)}: {link.Value}");
        }
    }

    private static IEnumerable<string> Files() =>
        Directory.GetFiles(s_folder, "*.md").Where(static file => Path.GetFileName(file) != "README.md").Order(StringComparer.Ordinal);

    private static string RowOf(string file)
    {
        string[] lines = File.ReadAllLines(file);
        string name = Path.GetFileName(file);
        Match title = Title().Match(lines[0]);
        Assert.True(title.Success && name.StartsWith(title.Groups[1].Value + "-", StringComparison.Ordinal),
            $"{name} begins with: {lines[0]}");
        return $"| [{title.Groups[1].Value}]({name}) | {title.Groups[2].Value} | {StatusOf(name, lines)} |\n";
    }

    /// <summary>A record holds unless its third line says otherwise.</summary>
    private static string StatusOf(string name, string[] lines)
    {
        string? said = lines.FirstOrDefault(static line => line.Contains("**Superseded", StringComparison.Ordinal));
        if (said is null)
            return "accepted";
        Match superseded = Superseded().Match(said);
        Assert.True(superseded.Success && lines[2] == said,
            $"{name} says '{said}'; the third line shall be: **Superseded** by [NNNN](NNNN-title.md)");
        return $"superseded{superseded.Groups[1].Value} by "
            + $"{string.Join(" and ", Link().Matches(superseded.Groups[2].Value).Select(static link => link.Value))}";
    }

    [GeneratedRegex(@"^# (\d{4}) (.+)$")]
    private static partial Regex Title();

    [GeneratedRegex(@"^\*\*Superseded( in part)?\*\* by ((\[\d{4}\]\([^)]+\)(, | and )?)+)")]
    private static partial Regex Superseded();

    [GeneratedRegex(@"\[(\d{4})\]\((\1-[^)]+\.md)\)")]
    private static partial Regex Link();
}
