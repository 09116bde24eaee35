namespace Locking.Api.Tests;

/// <summary>What is in <c>src</c> is read in pieces.</summary>
public sealed class LengthTests
{
    [Fact]
    public void No_method_and_no_file_is_too_long()
    {
        string root = Path.Combine(Libraries.RepositoryRoot, "src");
        List<string> faults =
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Where(file => !Path.GetRelativePath(root, file).Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj"]).Any())
                .SelectMany(file => Lengths.Faults(File.ReadAllText(file)).Select(fault => $"{Path.GetRelativePath(root, file)}:{fault}")),
        ];
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Theory]
    [InlineData("    public void A()\n    {\n", "    }\n", 3)]
    [InlineData("    private static async Task<int> A<T>(\n        T b)\n    {\n", "    }\n", 4)]
    [InlineData("    internal C(int b)\n        : base(b)\n    {\n", "    }\n", 4)]
    [InlineData("    public static int A(int b) => b switch\n    {\n", "    };\n", 3)]
    [InlineData("    public static int A(int b) =>\n", "        b;\n", 2)]
    public void A_method_is_as_long_as_from_its_header_to_its_end(string begin, string end, int besides)
    {
        Assert.Empty(Lengths.Faults(Text(Lengths.MostOfAMethod - besides)));
        Assert.Equal($"3: {Lengths.MostOfAMethod + 1} lines; a method has at most {Lengths.MostOfAMethod}",
            Assert.Single(Lengths.Faults(Text(Lengths.MostOfAMethod - besides + 1))));

        string Text(int lines) => "class C\n{\n" + begin + string.Concat(Enumerable.Repeat("        // x\n", lines)) + end
            + "\n    private int _d;\n}\n";
    }

    [Fact]
    public void A_type_is_no_method_and_a_file_has_its_own_limit()
    {
        string lines = string.Concat(Enumerable.Repeat("    // x\n", Lengths.MostOfAFile - 3));
        string text = "internal sealed class C(int b)\n{\n" + lines + "}\n";
        Assert.Empty(Lengths.Faults(text));
        Assert.Equal($"1: {Lengths.MostOfAFile + 1} lines; a file has at most {Lengths.MostOfAFile}",
            Assert.Single(Lengths.Faults("\n" + text)));
    }
}
