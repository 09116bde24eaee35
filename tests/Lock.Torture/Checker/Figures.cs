using System.Globalization;

namespace Locking.Torture;

/// <summary>What a run, or several of one backend, came to.</summary>
/// <param name="Backend">The backend and the client.</param>
/// <param name="Seeds">The seeds.</param>
/// <param name="Seconds">How long they took, with start, recovery and end.</param>
/// <param name="Attempts">How often a lock was asked for.</param>
/// <param name="Grants">How often it was granted.</param>
/// <param name="Lost">How many leases ended before they were given back.</param>
/// <param name="Stale">How many steps the resource refused.</param>
/// <param name="Late">How late each announced loss came, in ms beyond what was withheld.</param>
/// <param name="Recoveries">After which time in ms everybody was served again once the faults had ended, of each run.</param>
/// <param name="Faults">How often each fault happened.</param>
/// <param name="Violations">How often a promise was broken.</param>
public sealed record Figures(
    string Backend, IReadOnlyList<int> Seeds, double Seconds, int Attempts, int Grants, int Lost, int Stale, IReadOnlyList<double> Late,
    IReadOnlyList<double> Recoveries, IReadOnlyDictionary<string, int> Faults, int Violations)
{
    /// <summary>Those of a history.</summary>
    /// <param name="history">The history.</param>
    /// <param name="violations">What <see cref="Specification"/> found in it.</param>
    public static Figures Of(History history, int violations)
    {
        ArgumentNullException.ThrowIfNull(history);
        List<Attempt> holds = [.. history.Attempts.Where(static one => one.Granted is not null)];
        double recovery = history.Healed is { } healed
            ? holds.Where(one => one.Granted > healed).GroupBy(static one => one.Process)
                .Select(one => Ms(one.Min(static hold => hold.Granted!.Value) - healed)).DefaultIfEmpty(0).Max()
            : 0;
        return new Figures(
            history.Promise.Backend,
            [history.Promise.Seed],
            TimeSpan.FromTicks(history.Events[^1].At - history.Events[0].At).TotalSeconds,
            history.Attempts.Count,
            holds.Count,
            holds.Count(static one => one.Lost is not null),
            history.Events.Count(static one => one.Kind == EventKind.Stale),
            [.. holds.Where(static one => one.Due != long.MaxValue && one.Lost is not null).Select(one => Lateness(history, one)).Order()],
            [recovery],
            history.Events.Where(static one => one.Kind == EventKind.Fault).GroupBy(static one => one.Text)
                .ToDictionary(static kind => kind.Key, static kind => kind.Count(), StringComparer.Ordinal),
            violations);
    }

    /// <summary>Those of several runs together.</summary>
    /// <param name="all">The runs, of one backend; not empty.</param>
    public static Figures Sum(IReadOnlyList<Figures> all)
    {
        ArgumentNullException.ThrowIfNull(all);
        return new Figures(
            all[0].Backend,
            [.. all.SelectMany(static one => one.Seeds).Order()],
            all.Sum(static one => one.Seconds),
            all.Sum(static one => one.Attempts),
            all.Sum(static one => one.Grants),
            all.Sum(static one => one.Lost),
            all.Sum(static one => one.Stale),
            [.. all.SelectMany(static one => one.Late).Order()],
            [.. all.SelectMany(static one => one.Recoveries).Order()],
            all.SelectMany(static one => one.Faults).GroupBy(static kind => kind.Key, StringComparer.Ordinal)
                .ToDictionary(static kind => kind.Key, static kind => kind.Sum(static one => one.Value), StringComparer.Ordinal),
            all.Sum(static one => one.Violations));
    }

    /// <summary>The head of a table of <see cref="ToRow"/>.</summary>
    public const string Head = """
        | backend | time | runs | faults | grants | lost | stale steps refused | announced late: p99, max | served again: p50, max | violations |
        |---|---|---|---|---|---|---|---|---|---|
        """;

    /// <summary>As a row of a table.</summary>
    public string ToRow() => string.Create(CultureInfo.InvariantCulture,
        $"| `{Backend}` | {Seconds / 60:0} min | {Seeds.Count} | {Faults.Values.Sum()} | {Grants:n0} | {Lost} | {Stale} | "
        + $"{At(Late, 0.99):0.0}, {At(Late, 1):0.0} ms of {Late.Count} | "
        + $"{At(Recoveries, 0.5):0}, {At(Recoveries, 1):0} ms | {Violations} |");

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Backend} seed {string.Join(' ', Seeds)}: {Seconds:0} s, {Attempts} attempts, {Grants} grants, {Lost} lost, {Stale} stale steps "
        + $"refused; announced late ({Late.Count}): p99 {At(Late, 0.99):0.0} ms, max {At(Late, 1):0.0} ms; all served again after "
        + $"{At(Recoveries, 1):0} ms; faults: "
        + $"{string.Join(", ", Faults.Select(static kind => $"{kind.Key} {kind.Value}").Order(StringComparer.Ordinal))}");

    private static double Lateness(History history, Attempt hold)
    {
        long seen = hold.Lost!.Value.At;
        return Ms(Math.Max(0, seen - hold.Due - history.Withheld(hold.Process, hold.Due - history.Promise.Margin, seen)));
    }

    private static double At(IReadOnlyList<double> ordered, double share) =>
        ordered.Count == 0 ? 0 : ordered[(int)((ordered.Count - 1) * share)];

    private static double Ms(long ticks) => TimeSpan.FromTicks(ticks).TotalMilliseconds;
}
