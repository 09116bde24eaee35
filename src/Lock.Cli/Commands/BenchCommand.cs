using System.Globalization;
using System.Text;

namespace Locking;

/// <summary><c>lock bench</c>: how fast the configured backend is.</summary>
internal static class BenchCommand
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longest = TimeSpan.FromHours(1);

    private static readonly OptionSpec s_duration = new("--duration", "-d", "TIME", "How long all of it takes, 100ms to 1h. Default: 5s.");

    private static readonly OptionSpec s_tasks = new(
        "--tasks", null, "N", "How many lock at once in the part with many keys, 1 to 1000. Default: 16.");

    private static readonly OptionSpec s_keys = new("--keys", null, "N", "How many keys they share out, 1 to 100000. Default: 1000.");

    private static readonly OptionSpec s_clients = new("--clients", null, "N",
        "How many contend for one key, each with a connection of its own, 2 to 200. Default: 8.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "bench",
        Summary = "Measure how fast the backend is.",
        Usage = "[--duration TIME] [--tasks N] [--keys N] [--clients N] [--json]",
        Options =
            [s_duration, s_tasks, s_keys, s_clients, SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help],
        Description = """
            Three parts of equal time, on keys of its own, from this one process: locking and unlocking one key that nobody else wants;
            many keys by several tasks over one connection; and one key that several clients hand to each other as fast as they can.
            Each says how many grants there were in a second and how long they took (the hand-off: how long a client waited for its
            turn); the last one how evenly the clients were served, and whether two ever had the lock at once. Others who use the
            backend meanwhile are slowed down.
            """,
        Examples =
        [
            "lock bench",
            "lock bench -d 1m --clients 50",
            "lock bench --config @redis.json --json | jq .handOff.perSecond",
        ],
        ExitCodes =
        [
            "0     measured",
            "1     measured, and a lock was lost or held twice",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        TimeSpan duration = arguments.Span(s_duration) ?? TimeSpan.FromSeconds(5);
        if (duration < s_shortest || duration > s_longest)
            throw arguments.Bad(s_duration, arguments.Value(s_duration)!, "a time from 100ms to 1h");
        int tasks = arguments.Number(s_tasks, 1, 1000) ?? 16;
        var plan = new BenchPlan(
            duration, tasks, arguments.Number(s_keys, 1, 100_000) ?? 1000, arguments.Number(s_clients, 2, 200) ?? 8);
        if (plan.Keys < plan.Tasks)
            throw new UsageException(
                $"--keys {plan.Keys} is less than --tasks {plan.Tasks}: each task locks keys of its own.", arguments.Command);
        Configured configured = Configured.Read(arguments);
        using var signals = new SignalRelay();
        List<BenchPart> parts;
        try
        {
            using var bar = new ProgressBar(duration, TimeProvider.System);
            parts = new Bench(configured.Open, plan, TimeProvider.System)
                .RunAsync(bar.Show, signals.Stopping).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (signals.Received != 0)
        {
            return ExitCode.OfSignal(signals.Received);
        }
        catch (LockTimeoutException exception)
        {
            Streams.Error($"the backend granted nothing for half a minute: {exception.Message}");
            return ExitCode.Unavailable;
        }

        string type = configured.Config.Type ?? "";
        Streams.Out(arguments.Has(SharedOptions.Json) ? ToJson(type, parts) : ToText(type, plan, parts));
        return parts.TrueForAll(static part => part is { Lost: 0, Overlaps: 0 }) ? ExitCode.Done : ExitCode.Not;
    }

    private static string ToJson(string type, List<BenchPart> parts) => Json.Object(writer =>
    {
        writer.WriteString("type", type);
        foreach (BenchPart part in parts)
        {
            writer.WriteStartObject(part.Name);
            writer.WriteNumber("perSecond", Math.Round(part.PerSecond, 1));
            part.Latencies.Write(writer, part.Shares.Length == 0 ? "lockUnlock" : "wait");
            if (part.Shares.Length > 0)
            {
                writer.WriteNumber("clients", part.Shares.Length);
                writer.WriteNumber("fairness", Math.Round(part.Fairness, 3));
                writer.WriteNumber("overlaps", part.Overlaps);
            }

            writer.WriteNumber("lost", part.Lost);
            writer.WriteEndObject();
        }
    });

    private static string ToText(string type, BenchPlan plan, List<BenchPart> parts)
    {
        var text = new StringBuilder();
        text.Append("backend    ").Append(type).Append('\n');
        string[] titles =
        [
            "one key, nobody else wants it: lock + unlock",
            string.Create(CultureInfo.InvariantCulture, $"{plan.Keys} keys, {plan.Tasks} tasks, one connection: lock + unlock"),
            string.Create(CultureInfo.InvariantCulture, $"one key, {plan.Clients} clients that hand it over: wait for the turn"),
        ];
        for (int i = 0; i < parts.Count; i++)
        {
            BenchPart part = parts[i];
            text.Append('\n').Append(titles[i]).Append('\n');
            text.Append(CultureInfo.InvariantCulture, $"  {part.PerSecond:N0} a second\n  {DurationText.Of(part.Latencies)}\n");
            if (part.Shares.Length > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"  fairness {part.Fairness:0.00} (least served client / most served: ")
                    .Append(CultureInfo.InvariantCulture, $"{part.Shares.Min():N0} / {part.Shares.Max():N0})\n");
            }

            if (part.Overlaps > 0)
                text.Append(CultureInfo.InvariantCulture, $"  HELD TWICE: {part.Overlaps:N0} grants while another client held the lock\n");
            if (part.Lost > 0)
                text.Append(CultureInfo.InvariantCulture, $"  LOST: {part.Lost:N0} locks were gone before they were given back\n");
        }

        return text.ToString();
    }
}
