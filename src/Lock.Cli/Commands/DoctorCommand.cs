using System.Globalization;
using System.Text;

namespace Locking;

/// <summary><c>lock doctor</c>: whether the backend can be used, how fast it is, and what is unsafe.</summary>
internal static class DoctorCommand
{
    private const int Column = 100;

    public static CommandSpec Spec { get; } = new()
    {
        Name = "doctor",
        Summary = "Say whether the backend can be reached, how fast it is, and what is unsafe.",
        Usage = "[--json]",
        Options = [SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help],
        Description = """
            Connects to the backend, asks and locks a hundred times on a key of its own (for two seconds at most), and says in plain
            words what is unsafe about the backend and the configuration. It changes nothing. Warnings do not make it fail.
            """,
        Examples = ["lock doctor", "lock doctor --json | jq -r '.findings[] | select(.warning) | .text'"],
        ExitCodes =
        [
            "0     it can be used; there may be warnings",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        bool json = arguments.Has(SharedOptions.Json);
        Configured configured = Configured.Read(arguments);
        string type = configured.Config.Type ?? "";
        using var signals = new SignalRelay();
        ILock locks = configured.Open();
        try
        {
            (ProbeResult result, List<StoreFinding> findings) = ExamineAsync(
                locks, configured, signals.Stopping).GetAwaiter().GetResult();
            Streams.Out(json ? ToJson(type, result, findings) : ToText(type, result, findings));
            return ExitCode.Done;
        }
        catch (LockStoreException exception)
        {
            if (json)
                Streams.Out(Json.Object(writer => WriteUnreachable(writer, type, exception.Message)));
            Streams.Error(exception.Message);
            return ExitCode.Unavailable;
        }
        catch (OperationCanceledException) when (signals.Received != 0)
        {
            return ExitCode.OfSignal(signals.Received);
        }
        finally
        {
            locks.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static async Task<(ProbeResult Result, List<StoreFinding> Findings)> ExamineAsync(
        ILock locks, Configured configured, CancellationToken stopping)
    {
        ProbeResult result = await Probe.RunAsync(locks, TimeProvider.System, stopping).ConfigureAwait(false);
        var findings = new List<StoreFinding>(result.Findings);
        if (locks is IStoreDiagnostics diagnostics)
            findings.AddRange(await diagnostics.DiagnoseAsync(stopping).ConfigureAwait(false));
        findings.AddRange(ConfigurationCheck.Of(configured, result));

        // In the order in which they came, but what is unsafe first.
        return (result, [.. findings.Where(static one => one.IsWarning), .. findings.Where(static one => !one.IsWarning)]);
    }

    private static void WriteUnreachable(System.Text.Json.Utf8JsonWriter writer, string type, string why)
    {
        writer.WriteString("type", type);
        writer.WriteBoolean("reachable", false);
        writer.WriteString("error", why);
    }

    private static string ToJson(string type, ProbeResult result, List<StoreFinding> findings) => Json.Object(writer =>
    {
        writer.WriteString("type", type);
        writer.WriteBoolean("reachable", true);
        writer.WriteNumber("connect", Latencies.Milliseconds(result.Connected));
        result.Read.Write(writer, "read");
        result.Cycle.Write(writer, "lockUnlock");
        writer.WriteStartArray("findings");
        foreach (StoreFinding finding in findings)
        {
            writer.WriteStartObject();
            writer.WriteString("code", finding.Code);
            writer.WriteBoolean("warning", finding.IsWarning);
            writer.WriteString("text", finding.Text);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private static string ToText(string type, ProbeResult result, List<StoreFinding> findings)
    {
        var text = new StringBuilder();
        text.Append("backend      ").Append(type).Append('\n');
        text.Append(
            CultureInfo.InvariantCulture, $"reachable    yes; connected and asked within {result.Connected.TotalMilliseconds:0.0} ms\n");
        text.Append("read         ").Append(DurationText.Of(result.Read)).Append('\n');
        text.Append("lock+unlock  ").Append(DurationText.Of(result.Cycle)).Append('\n');
        int warnings = 0;
        foreach (StoreFinding finding in findings)
        {
            warnings += finding.IsWarning ? 1 : 0;
            Wrap(text, finding.IsWarning ? "warning: " : "note: ", Printable.Text(finding.Text));
        }

        string counted = $"{warnings.ToString(CultureInfo.InvariantCulture)} warning{(warnings == 1 ? "" : "s")}.";
        text.Append('\n').Append(warnings == 0 ? "Nothing unsafe was found." : counted);
        return text.Append('\n').ToString();
    }

    private static void Wrap(StringBuilder text, string title, string words)
    {
        text.Append('\n').Append(title);
        int at = title.Length;
        foreach (string word in words.Split(' '))
        {
            if (at + word.Length > Column)
            {
                text.Length--;
                text.Append("\n  ");
                at = 2;
            }

            text.Append(word).Append(' ');
            at += word.Length + 1;
        }

        text.Length--;
        text.Append('\n');
    }
}
