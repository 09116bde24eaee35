namespace Locking.Api.Tests;

/// <summary>Types that can only be understood together are few: none needs more than two others, each of which needs all.</summary>
public sealed class TypeCycleTests
{
    private const int Most = 3;

    /// <summary>The larger circles that stand today. Nothing may join them; strike out what has left.</summary>
    private static readonly Dictionary<string, string[][]> s_standing = new(StringComparer.Ordinal)
    {
        // Made of etcd.proto: every message knows the description of all.
        ["Lock.Etcd"] =
        [
            [.. typeof(EtcdLockProvider).Assembly.GetTypes().Where(static type => type.Namespace == "Locking.Etcd")
                .Select(static type => type.Name)],
        ],
    };

    public static TheoryData<string> Assemblies => [.. Libraries.All, "Lock.Cli"];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void No_circle_of_types_is_larger_than_three(string assembly)
    {
        IReadOnlyDictionary<string, HashSet<string>> graph = TypeGraph.Read(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"));
        Assert.NotEmpty(graph);
        string[][] standing = s_standing.GetValueOrDefault(assembly, []);
        List<string> grown = [.. TypeCycles.Of(graph, Most)
            .Where(circle => !standing.Any(known => !circle.Except(known, StringComparer.Ordinal).Any()))
            .Select(static circle => string.Join(", ", circle))];
        Assert.True(grown.Count == 0, $"Circles of types in {assembly}:\n{string.Join('\n', grown)}");
    }

    /// <summary>The published protocol stands in a folder that could be deleted whole,
    /// each type in a file of its name: who composes names it, nobody else.</summary>
    [Fact]
    public void The_brokers_published_protocol_is_named_by_two_types_alone()
    {
        string folder = Path.Combine(Libraries.RepositoryRoot, "src", "Lock.Broker", "LiveMutex");
        HashSet<string> published = [.. Directory.GetFiles(folder, "*.cs").Select(static file => Path.GetFileNameWithoutExtension(file))];
        IReadOnlyDictionary<string, HashSet<string>> graph = TypeGraph.Read(Path.Combine(AppContext.BaseDirectory, "Lock.Broker.dll"));
        Assert.True(published.Count > 10 && published.IsSubsetOf(graph.Keys), string.Join(", ", published.Except(graph.Keys)));
        Assert.Equal(
            ["BrokerConnection", "BrokerServer"],
            graph.Where(one => !published.Contains(one.Key) && one.Value.Overlaps(published)).Select(static one => one.Key)
                .Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("a-b b-c c-a", "")]
    [InlineData("a-b b-c c-d d-a", "abcd")]
    [InlineData("a-b b-c c-d d-e e-b f-a", "bcde")]
    [InlineData("a-b b-c c-d d-e", "")]
    [InlineData("a-b b-c c-d d-a d-e e-f f-g g-h h-e", "efgh abcd")]
    public void A_circle_is_all_that_leads_to_each_other(string edges, string circles)
    {
        Dictionary<string, HashSet<string>> graph = edges.Split('-', ' ').Distinct()
            .ToDictionary(static type => type, static _ => new HashSet<string>());
        foreach (string edge in edges.Split(' '))
            graph[edge[..1]].Add(edge[2..]);
        Assert.Equal(circles, string.Join(' ', TypeCycles.Of(graph, Most).Select(static circle => string.Concat(circle))));
    }

    [Theory]
    [InlineData(nameof(OfBase), "References")]
    [InlineData(nameof(OfField), "References")]
    [InlineData(nameof(OfCode), "References")]
    [InlineData(nameof(OfLambda), "References")]
    [InlineData(nameof(OfArgument), "References")]
    [InlineData(nameof(OfCatch), "Failure")]
    public void A_reference_is_seen_wherever_it_stands(string type, string referenced)
    {
        IReadOnlyDictionary<string, HashSet<string>> graph = TypeGraph.Read(typeof(TypeCycleTests).Assembly.Location);
        Assert.Contains(referenced, graph[type]);
    }
}
