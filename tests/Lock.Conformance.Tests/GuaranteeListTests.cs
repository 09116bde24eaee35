using System.Reflection;
using System.Text.RegularExpressions;

namespace Locking.Conformance.Tests;

/// <summary>docs/guarantees.md and the facts name the same guarantees.</summary>
public sealed partial class GuaranteeListTests
{
    [Fact]
    public async Task Every_guarantee_has_a_fact_and_every_fact_a_guarantee()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Lock.sln")))
            directory = directory.Parent!;
        string list = await File.ReadAllTextAsync(Path.Combine(directory.FullName, "docs", "guarantees.md"));
        var promised = Row().Matches(list).Select(row => row.Groups["number"].Value).ToList();
        Assert.Equal(promised.Count, promised.Distinct(StringComparer.Ordinal).Count());

        Assembly[] assemblies = [typeof(LockStoreConformance).Assembly, typeof(GuaranteeListTests).Assembly];
        IEnumerable<string> proved = assemblies.SelectMany(assembly => assembly.GetTypes())
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(method => method.IsDefined(typeof(FactAttribute)) && Number().IsMatch(method.Name))
            .Select(method => method.Name[..3])
            .Concat(await OfTheEngineAsync(directory));
        Assert.Equal(promised.Order(StringComparer.Ordinal), proved.Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>What is proved on the engine itself: read from the source, since this project does not refer to other tests.</summary>
    private static async Task<List<string>> OfTheEngineAsync(DirectoryInfo root)
    {
        List<string> numbers = [];
        foreach (string file in Directory.EnumerateFiles(Path.Combine(root.FullName, "tests", "Lock.Core.Tests"), "*Tests.cs",
            SearchOption.AllDirectories))
            numbers.AddRange(Fact().Matches(await File.ReadAllTextAsync(file)).Select(fact => fact.Groups["number"].Value));
        Assert.NotEmpty(numbers);
        return numbers;
    }

    [GeneratedRegex(@"^\| \*\*(?<number>[SL]\d\d)\*\* \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\[(Fact|Theory)\]\s+(\[InlineData.*\]\s+)*public (async Task|void) (?<number>[SL]\d\d)_")]
    private static partial Regex Fact();

    [GeneratedRegex(@"^[SL]\d\d_")]
    private static partial Regex Number();
}
