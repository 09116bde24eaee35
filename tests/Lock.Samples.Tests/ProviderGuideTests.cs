using System.Text.RegularExpressions;

namespace Locking.Samples.Tests;

/// <summary>docs/adding-a-provider.md shows the code that stands in the files it names.</summary>
public sealed partial class ProviderGuideTests
{
    [Fact]
    public async Task Every_snippet_of_the_guide_is_in_the_file_it_names()
    {
        var root = Root();
        var guide = await File.ReadAllTextAsync(Path.Combine(root, "docs", "adding-a-provider.md"));
        var snippets = Snippet().Matches(guide);
        Assert.True(snippets.Count >= 10, $"{snippets.Count} snippets");
        Assert.Equal(Regex.Count(guide, "^```.", RegexOptions.Multiline), snippets.Count);
        foreach (Match snippet in snippets)
        {
            var file = snippet.Groups["file"].Value;
            var text = await File.ReadAllTextAsync(Path.Combine(root, file));
            Assert.True(Lines(text).Contains(Lines(snippet.Groups["code"].Value), StringComparison.Ordinal), $"not in {file}:\n{snippet.Value}");
        }
    }

    /// <summary>The lines without their indentation.</summary>
    private static string Lines(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

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
