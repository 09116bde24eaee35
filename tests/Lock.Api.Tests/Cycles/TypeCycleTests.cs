using System.Globalization;

namespace Locking.Api.Tests;

/// <summary>Types that can only be understood together are few: none needs more than two others to be known with it, each knowing all.</summary>
public sealed class TypeCycleTests
{
    private const int Most = 3;

    [Theory]
    [InlineData("Lock.Abstractions")]
    [InlineData("Lock.Core")]
    [InlineData("Lock.InMemory")]
    [InlineData("Lock.Redis")]
    [InlineData("Lock.Broker")]
    [InlineData("Lock.RedLock")]
    [InlineData("Lock.Mongo")]
    [InlineData("Lock")]
    [InlineData("Lock.Cli")]
    public void No_circle_of_types_is_larger_than_three(string assembly)
    {
        IReadOnlyDictionary<string, HashSet<string>> graph = TypeGraph.Read(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"));
        Assert.NotEmpty(graph);
        IEnumerable<string> circles = TypeCycles.Of(graph, Most)
            .Select(static circle => string.Create(CultureInfo.InvariantCulture, $"{circle.Length}: {string.Join(", ", circle)}"));
        Assert.Equal(string.Empty, string.Join('\n', circles));
    }
}
