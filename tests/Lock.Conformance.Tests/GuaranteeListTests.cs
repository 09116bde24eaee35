using System.Reflection;
using System.Text.RegularExpressions;

namespace Locking.Conformance.Tests;

/// <summary>docs/guarantees.md and the facts name the same guarantees.</summary>
public sealed partial class GuaranteeListTests
{
    /// <summary>Proved on the engine itself, in tests/Lock.Core.Tests, where names have no numbers.</summary>
    private static readonly string[] OfTheEngine = ["L45", "L46", "L47", "L48"];

    [Fact]
    public async Task Every_guarantee_has_a_fact_and_every_fact_a_guarantee()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Lock.sln")))
            directory = directory.Parent!;
        var list = await File.ReadAllTextAsync(Path.Combine(directory.FullName, "docs", "guarantees.md"));
        var promised = Row().Matches(list).Select(row => row.Groups["number"].Value).ToList();
        Assert.Equal(promised.Count, promised.Distinct(StringComparer.Ordinal).Count());

        Assembly[] assemblies = [typeof(LockStoreConformance).Assembly, typeof(GuaranteeListTests).Assembly];
        var proved = assemblies.SelectMany(assembly => assembly.GetTypes())
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(method => method.IsDefined(typeof(FactAttribute)) && Number().IsMatch(method.Name))
            .Select(method => method.Name[..3]);
        Assert.Equal(promised.Except(OfTheEngine).Order(StringComparer.Ordinal), proved.Distinct().Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\| \*\*(?<number>[SL]\d\d)\*\* \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"^[SL]\d\d_")]
    private static partial Regex Number();
}
