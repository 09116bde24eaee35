using System.Globalization;
using System.Text;

namespace Locking;

/// <summary><c>lock ls</c>: the locks that are held.</summary>
internal static class ListCommand
{
    private static readonly string[] s_titles = ["KEY", "OWNER", "TOKEN", "REMAINING", "ID"];

    private static readonly OptionSpec s_namespace = new(
        "--ns", null, "NS", "Only the keys of NS: those that begin with NS:PREFIX. Without it, of all.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "ls",
        Summary = "List the locks that are held.",
        Usage = "[PREFIX] [--ns NS]",
        Arguments = ["PREFIX"],
        Options = [s_namespace, SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help],
        Description = "Lists the locks whose key begins with PREFIX, sorted by key. It is no snapshot: others go on meanwhile.",
        Examples = ["lock ls", "lock ls orders/", "lock ls --json | jq -r '.[].key'"],
        ExitCodes =
        [
            "0     done, also when there is none",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        string prefix = Configured.InNamespace(arguments, s_namespace, arguments.Argument(0) ?? "");
        ILock locks = Configured.Read(arguments).Open();
        List<LockInfo> infos = ReadAsync(locks, prefix).GetAwaiter().GetResult();
        infos.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        Streams.Out(arguments.Has(SharedOptions.Json) ? Array(infos) : Table(infos));
        return ExitCode.Done;
    }

    private static async Task<List<LockInfo>> ReadAsync(ILock locks, string prefix)
    {
        var infos = new List<LockInfo>();
        await foreach (LockInfo? info in locks.ListAsync(prefix).ConfigureAwait(false))
            infos.Add(info);
        return infos;
    }

    private static string Array(List<LockInfo> infos) => Json.Line(writer =>
    {
        writer.WriteStartArray();
        foreach (LockInfo info in infos)
        {
            writer.WriteStartObject();
            writer.WriteString("key", info.Key);
            writer.WriteInfo(info);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private static string Table(List<LockInfo> infos)
    {
        if (infos.Count == 0)
            return "";
        var rows = new List<string[]> { s_titles };
        foreach (LockInfo info in infos)
        {
            rows.Add(
            [
                Printable.Text(info.Key),
                info.Owner.Length == 0 ? "-" : Printable.Text(info.Owner),
                info.FencingToken?.ToString(CultureInfo.InvariantCulture) ?? "-",
                SpanText.Show(info.Remaining),
                Printable.Text(info.Id),
            ]);
        }

        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            for (int column = 0; column < row.Length - 1; column++)
                text.Append(row[column].PadRight(Width(rows, column) + 2));
            text.Append(row[^1]).Append('\n');
        }

        return text.ToString();
    }

    private static int Width(List<string[]> rows, int column)
    {
        int width = 0;
        foreach (string[] row in rows)
            width = Math.Max(width, row[column].Length);
        return width;
    }
}
