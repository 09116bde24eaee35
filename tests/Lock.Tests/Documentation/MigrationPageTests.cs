namespace Locking.Tests.Documentation;

/// <summary>The code of docs/migration.md is the code that the tests run.</summary>
public sealed class MigrationPageTests
{
    private readonly string _page = Page.Read("docs", "migration.md");

    [Theory]
    [InlineData("Kuzzle's Mutex", "kuzzle")]
    [InlineData("leverege", "leverege")]
    [InlineData("live-mutex", "live-mutex")]
    [InlineData("simple-redis-mutex", "simple-redis-mutex")]
    [InlineData("dist-lock", "dist-lock")]
    public void The_code_of_each_system_is_compiled_word_for_word(string heading, string mark)
    {
        string block = Assert.Single(Page.Blocks(Page.Section(_page, heading), "csharp"));

        Assert.Equal(Snippet(mark), block);
    }

    [Fact]
    public void No_other_code_stands_on_the_page() => Assert.Equal(Presets.Names.Count, Page.Blocks(_page, "csharp").Count);

    [Theory]
    [InlineData("Kuzzle's Mutex")]
    [InlineData("leverege")]
    [InlineData("live-mutex")]
    [InlineData("simple-redis-mutex")]
    [InlineData("dist-lock")]
    public async Task The_json_of_each_system_is_a_configuration(string heading)
    {
        IReadOnlyList<string> blocks = Page.Blocks(Page.Section(_page, heading), "json");

        Assert.NotEmpty(blocks);
        foreach (string block in blocks)
            Assert.NotNull((await CapturingProvider.ResolveAsync(block)).Type);
    }

    private static string Snippet(string mark)
    {
        string[] lines = Page.Read("tests", "Lock.Tests", "Migration", "Snippets.cs").Split('\n');
        int start = Array.FindIndex(lines, line => line.Trim() == $"// <{mark}>");
        int end = Array.FindIndex(lines, line => line.Trim() == $"// </{mark}>");
        Assert.True(start >= 0 && end > start, $"Snippets.cs has no marks for {mark}.");
        int indent = lines[start].Length - lines[start].TrimStart().Length;
        return string.Concat(lines[(start + 1)..end].Select(line => (line.Length > indent ? line[indent..] : line.Trim()) + "\n"));
    }
}
