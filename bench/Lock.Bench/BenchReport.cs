using System.Globalization;

namespace Locking.Bench;

/// <summary>The rows measured so far, each against its bar.</summary>
internal sealed class BenchReport
{
    private readonly List<Row> _rows = [];

    /// <summary>What to measure: rows and parts whose names hold one of these; everything when there is none.</summary>
    public HashSet<string> Only { get; } = new(StringComparer.OrdinalIgnoreCase);

    public bool AllMet => _rows.TrueForAll(static row => row.IsMet);

    /// <summary>Whether a row, or a part of a suite, is to be measured.</summary>
    public bool Wants(string what) => Only.Count == 0 || Only.Any(part => what.Contains(part, StringComparison.OrdinalIgnoreCase));

    /// <summary>Adds a row whose value must not exceed a limit.</summary>
    public void AtMost(string what, double value, double limit, string unit, string details) =>
        Add(new Row(what, value, "≤", limit, unit, value <= limit, details));

    /// <summary>Adds a row whose value must reach a limit.</summary>
    public void AtLeast(string what, double value, double limit, string unit, string details) =>
        Add(new Row(what, value, "≥", limit, unit, value >= limit, details));

    public void Print(TextWriter writer)
    {
        writer.WriteLine();
        writer.WriteLine($"{Environment.ProcessorCount} processors, .NET {Environment.Version}, {Environment.OSVersion}");
        writer.WriteLine();
        writer.WriteLine("| what | measured | bar | | details |");
        writer.WriteLine("|---|---|---|---|---|");
        foreach (var row in _rows)
            writer.WriteLine(row.ToString());
    }

    private void Add(Row row)
    {
        _rows.Add(row);
        Console.Error.WriteLine(row.ToString());
    }

    private sealed record Row(string What, double Value, string Sign, double Limit, string Unit, bool IsMet, string Details)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {What} | {Value:0.##}{Unit} | {Sign} {Limit:0.##}{Unit} | {(IsMet ? "met" : "**not met**")} | {Details} |");
    }
}
