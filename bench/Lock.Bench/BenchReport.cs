using System.Globalization;
using System.Text.Json;

namespace Locking.Bench;

/// <summary>The rows measured so far, each against its bar.</summary>
internal sealed class BenchReport
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly List<Row> _rows = [];

    /// <summary>What to measure: rows and parts whose names hold one of these; everything when there is none.</summary>
    public HashSet<string> Only { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What the figures depend on besides the machine, such as versions of clients.</summary>
    public SortedDictionary<string, string> Versions { get; } = new(StringComparer.Ordinal);

    public bool AllMet => _rows.TrueForAll(static row => row.IsMet);

    /// <summary>Whether a row, or a part of a suite, is to be measured.</summary>
    public bool Wants(string what) => Only.Count == 0 || Only.Any(part => what.Contains(part, StringComparison.OrdinalIgnoreCase));

    /// <summary>Adds a row whose value must not exceed a limit.</summary>
    public void AtMost(string what, double value, double limit, string unit, string details, IReadOnlyList<BenchColumn>? columns = null) =>
        Add(new Row(what, value, "≤", limit, unit, value <= limit, details, columns ?? []));

    /// <summary>Adds a row whose value must reach a limit.</summary>
    public void AtLeast(string what, double value, double limit, string unit, string details, IReadOnlyList<BenchColumn>? columns = null) =>
        Add(new Row(what, value, "≥", limit, unit, value >= limit, details, columns ?? []));

    public void Print(TextWriter writer)
    {
        writer.WriteLine();
        writer.WriteLine($"{Environment.ProcessorCount} processors, .NET {Environment.Version}, {Environment.OSVersion}");
        if (Versions.Count > 0)
            writer.WriteLine(string.Join(", ", Versions.Select(static version => $"{version.Key} {version.Value}")));
        writer.WriteLine();
        writer.WriteLine("| what | measured | bar | | details |");
        writer.WriteLine("|---|---|---|---|---|");
        foreach (Row row in _rows)
            writer.WriteLine(row.ToString());
        // Contenders side by side, where there are several.
        foreach (Row? row in _rows.Where(static row => row.Columns.Count > 0).DistinctBy(static row => row.Columns))
        {
            var figures = row.Columns.SelectMany(static column => column.Figures.Keys).Distinct().ToList();
            writer.WriteLine();
            writer.WriteLine($"| {row.What} | {string.Join(" | ", figures)} |");
            writer.WriteLine($"|---|{string.Concat(Enumerable.Repeat("---|", figures.Count))}");
            foreach (BenchColumn column in row.Columns)
            {
                IEnumerable<string> cells =
                    figures.Select(figure => column.Figures.TryGetValue(figure, out double value) ? Text(value) : "");
                writer.WriteLine($"| {column.Name} | {string.Join(" | ", cells)} |");
            }
        }
    }

    /// <summary>Writes everything that was measured, for programs.</summary>
    /// <param name="writer">Where it goes.</param>
    /// <param name="rounds">How many rounds were measured.</param>
    public void WriteJson(TextWriter writer, int rounds) => writer.WriteLine(JsonSerializer.Serialize(
        new
        {
            Processors = Environment.ProcessorCount,
            Runtime = Environment.Version.ToString(),
            System = Environment.OSVersion.ToString(),
            Versions,
            Rounds = rounds,
            Rows = _rows.Select(static row => new
            {
                row.What,
                row.Value,
                row.Unit,
                Bar = row.Sign + " " + row.Limit.ToString(CultureInfo.InvariantCulture),
                row.IsMet,
                row.Details,
                Columns = row.Columns.Select(static column => new { column.Name, column.Figures }),
            }),
        },
        s_json));

    private void Add(Row row)
    {
        _rows.Add(row);
        Console.Error.WriteLine(row.ToString());
    }

    private static string Text(double value) => value.ToString(Math.Abs(value) < 10 ? "0.##" : "0", CultureInfo.InvariantCulture);

    private sealed record Row(
        string What, double Value, string Sign, double Limit, string Unit, bool IsMet, string Details, IReadOnlyList<BenchColumn> Columns)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {What} | {Value:0.##}{Unit} | {Sign} {Limit:0.##}{Unit} | {(IsMet ? "met" : "**not met**")} | {Details} |");
    }
}
