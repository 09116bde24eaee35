namespace Locking.Api.Tests;

/// <summary>The sources speak one dialect, as far as a line shows it.</summary>
public sealed class LineTests
{
    private static readonly string[] s_roots = ["src", "tests", "bench", "samples"];

    /// <summary>What is still to be brought to it. Nothing may join.</summary>
    private static readonly string[] s_pending = [];

    public static TheoryData<string> Places =>
    [
        .. s_roots.SelectMany(static root => Directory.GetFileSystemEntries(Path.Combine(Libraries.RepositoryRoot, root)))
            .Where(static place => FilesOf(place).Any())
            .Select(static place => Path.GetRelativePath(Libraries.RepositoryRoot, place).Replace('\\', '/'))
            .Except(s_pending, StringComparer.Ordinal).Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Places))]
    public void No_line_is_in_another_dialect(string place)
    {
        List<string> faults =
        [
            .. FilesOf(Path.Combine(Libraries.RepositoryRoot, place)).SelectMany(static file =>
                Dialect.Faults(File.ReadAllText(file))
                    .Select(fault => $"{Path.GetRelativePath(Libraries.RepositoryRoot, file)}:{fault}")),
        ];
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Theory]
    [InlineData("private static readonly int s_most = 3;")]
    [InlineData("private static readonly Dictionary<string, (int A, int B)> s_all =")]
    [InlineData("private readonly int _most;")]
    [InlineData("private const int Most = 3;")]
    [InlineData("public static readonly int Most = 3;")]
    public void A_name_may_be_as_it_is_everywhere(string line) => Assert.Empty(Dialect.Faults("\n    " + line + "\n"));

    [Theory]
    [InlineData("private static readonly int Most = 3;", "Most")]
    [InlineData("private static readonly int _most = 3;", "_most")]
    [InlineData("private static readonly (string Code, int Number)[] Findings =", "Findings")]
    [InlineData("private readonly static Dictionary<string, int> s_All;", "s_All")]
    [InlineData("private const int most = 3;", "most")]
    public void Another_name_is_found(string line, string name) =>
        Assert.StartsWith($"2: {name};", Assert.Single(Dialect.Faults("\n    " + line + "\n")), StringComparison.Ordinal);

    /// <summary>Each X stands for as much text as a line has columns.</summary>
    [Theory]
    [InlineData("// X", true)]
    [InlineData("var a = \"X\";", true)]
    [InlineData("var a = $\"{b(\"c\")}X\";", true)]
    [InlineData("var a = @\"X\";", true)]
    [InlineData("/* \"\"\" */ X", true)]
    [InlineData("// don't \"\"\" X", true)]
    [InlineData("var a = '\"'; var b = \"\"; // X", true)]
    [InlineData("var a = \"\\\"\"; var b = \"\\\"X\";", true)]
    [InlineData("var a = \"\"\"b\"\"\"; // X", true)]
    [InlineData("var a = $$\"\"\"{{b(\"c\")}} d\"\"\"; // X", true)]
    [InlineData("var a = \"\"\"X\"\"\";", false)]
    [InlineData("var a = $$\"\"\"{\"b\":{{c}}X}\"\"\";", false)]
    [InlineData("var a = $\"{b ?? \"http://c\"}\" + \"\"\"X\"\"\";", false)]
    [InlineData("var a = @\"b\\\" + \"\"\"X\"\"\";", false)]
    public void A_long_line_is_found_unless_a_raw_string_makes_it_long(string line, bool isFound)
    {
        string text = "\n" + line.Replace("X", new string('x', Dialect.Columns), StringComparison.Ordinal) + "\n";
        Assert.Equal(isFound, Dialect.Faults(text).Any(static fault => fault.StartsWith("2: ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_line_within_a_raw_string_may_be_long_and_the_last_column_is_free()
    {
        string columns = new('x', Dialect.Columns);
        Assert.Empty(Dialect.Faults($"{columns}\nvar a = \"\"\"\n    {columns}\n    \"\"\";\n{columns}"));
        Assert.Equal("5: 141 columns; break it at 140",
            Assert.Single(Dialect.Faults($"{columns}\nvar a = \"\"\"\n  x\n  \"\"\";\n{columns}x")));
    }

    private static IEnumerable<string> FilesOf(string place) =>
        !Directory.Exists(place)
            ? (string[])(place.EndsWith(".cs", StringComparison.Ordinal) ? [place] : [])
            : Directory.EnumerateFiles(place, "*.cs", SearchOption.AllDirectories)
                .Where(file => Path.GetRelativePath(place, file).Split(Path.DirectorySeparatorChar) is not ["bin" or "obj", ..]);
}
