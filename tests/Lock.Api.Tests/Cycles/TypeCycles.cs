namespace Locking.Api.Tests;

/// <summary>Finds the circles of a graph: the largest sets of types of which each leads to all the others (Tarjan's strongly connected
/// components).</summary>
internal sealed class TypeCycles
{
    private readonly IReadOnlyDictionary<string, HashSet<string>> _graph;
    private readonly Dictionary<string, (int Index, int Low)> _marks = new(StringComparer.Ordinal);
    private readonly Stack<string> _open = new();
    private readonly List<string[]> _circles = [];

    private TypeCycles(IReadOnlyDictionary<string, HashSet<string>> graph) => _graph = graph;

    /// <summary>The circles of more than <paramref name="most"/> types, each in the order of the alphabet.</summary>
    public static IReadOnlyList<string[]> Of(IReadOnlyDictionary<string, HashSet<string>> graph, int most)
    {
        var cycles = new TypeCycles(graph);
        foreach (string type in graph.Keys.Order(StringComparer.Ordinal))
        {
            if (!cycles._marks.ContainsKey(type))
                cycles.Visit(type);
        }

        return [.. cycles._circles.Where(circle => circle.Length > most)];
    }

    private void Visit(string type)
    {
        int index = _marks.Count;
        _marks[type] = (index, index);
        _open.Push(type);
        foreach (string other in _graph[type].Where(_graph.ContainsKey))
        {
            if (!_marks.ContainsKey(other))
                Visit(other);
            else if (!_open.Contains(other))
                continue;
            _marks[type] = (index, Math.Min(_marks[type].Low, _marks[other].Low));
        }

        if (_marks[type].Low != index)
            return;
        List<string> circle = [];
        do
            circle.Add(_open.Pop());
        while (circle[^1] != type);
        circle.Sort(StringComparer.Ordinal);
        _circles.Add([.. circle]);
    }
}
