using System.Text.RegularExpressions;

namespace Locking.Samples.Tests;

/// <summary>The pages with samples show the code that stands in the files they name.</summary>
public sealed partial class SamplePageTests
{
    [Theory]
    [InlineData("adding-a-provider.md", 10)]
    [InlineData("testing.md", 6)]
    [InlineData("web.md", 5)]
    public async Task Every_snippet_of_the_page_is_in_the_file_it_names(string page, int least)
    {
        string root = Root();
        string guide = await File.ReadAllTextAsync(Path.Combine(root, "docs", page));
        MatchCollection snippets = Snippet().Matches(guide);
        Assert.True(snippets.Count >= least, $"{snippets.Count} snippets");
        Assert.Equal(Regex.Count(guide, "^```.", RegexOptions.Multiline), snippets.Count);
        foreach (Match snippet in snippets)
        {
            string file = snippet.Groups["file"].Value;
            string text = await File.ReadAllTextAsync(Path.Combine(root, file));
            Assert.True(Lines(text).Contains(Lines(snippet.Groups["code"].Value), StringComparison.Ordinal),
                $"not in {file}:\n{snippet.Value}");
        }
    }

    /// <summary>The lines without their indentation.</summary>
    private static string Lines(string text) =>
        string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Lock.sln")))
            directory = directory.Parent!;
        return directory.FullName;
    }

    [GeneratedRegex("^```\\w+ (?<file>\\S+)\\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Snippet();
}
