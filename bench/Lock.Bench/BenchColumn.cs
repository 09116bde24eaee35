namespace Locking.Bench;

/// <summary>One contender's figures in a row.</summary>
/// <param name="Name">The contender.</param>
/// <param name="Figures">By name, with the unit in it.</param>
internal sealed record BenchColumn(string Name, IReadOnlyDictionary<string, double> Figures);
