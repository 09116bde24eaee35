using Locking.Providers;

namespace Locking;

/// <summary>The words of configuration errors: what was found, without secrets, and what is allowed.</summary>
internal static class ConfigErrors
{
    private const int LongestShown = 60;

    /// <summary>A value of a wrong type or out of range.</summary>
    public static LockConfigException Bad(ConfigNode found, bool isSecret, string problem, string allowed) =>
        new(found.Path, $"{Show(found, isSecret)} {problem}. Allowed: {allowed}.");

    /// <summary>A name that nothing has. Its value is not shown: it may be a secret under a misspelt name.</summary>
    public static LockConfigException Unknown(string path, string name, IEnumerable<string> names, string? meant)
    {
        List<string> all = names.ToList();
        string suggestion = (meant ?? Nearest(name, all)) is { } near ? $" Did you mean {near}?" : "";
        return new LockConfigException(path, $"There is no such setting.{suggestion} Allowed here: {string.Join(", ", all)}.");
    }

    /// <summary>One setting said twice, differently.</summary>
    public static LockConfigException Twice(ConfigNode before, ConfigNode node, Setting setting)
    {
        string values = setting.IsSecret ? "" : $" ({Show(before, isSecret: false)} and {Show(node, isSecret: false)})";
        return new LockConfigException(
            node.Path, $"says the same as {before.Path}, differently{values}. Keep one of them; the usual name is {setting.Name}.");
    }

    /// <summary>How a value is quoted in a message.</summary>
    public static string Show(ConfigNode node, bool isSecret) => node switch
    {
        ObjectNode => "an object",
        ArrayNode { Items.Count: 0 } => "an empty list",
        ArrayNode => "a list",
        ScalarNode { Kind: ScalarKind.Null } => "null",
        _ when isSecret => "the value (hidden)",
        ScalarNode { Kind: ScalarKind.True } => "true",
        ScalarNode { Kind: ScalarKind.False } => "false",
        ScalarNode { Kind: ScalarKind.Number } number => Shorten(number.Text),
        ScalarNode text => ShowText(text.Text),
        _ => "the value",
    };

    /// <summary>Quotes a text; one that looks like an address with credentials, or a connection string, is hidden wherever it
    /// stands.</summary>
    public static string ShowText(string text) =>
        text.Contains('@', StringComparison.Ordinal) || text.Contains("password", StringComparison.OrdinalIgnoreCase)
            ? "the value (hidden)"
            : $"\"{Shorten(text)}\"";

    /// <summary>A name as it may stand in a path: short, and on one line.</summary>
    public static string ShowName(string name) => string.Concat(Shorten(name).Where(static c => !char.IsControl(c)));

    /// <summary>The name that was probably meant, if one is near enough.</summary>
    public static string? Nearest(string written, IEnumerable<string> names)
    {
        string? nearest = null;
        int least = Math.Max(2, written.Length / 3) + 1;
        foreach (string name in names)
        {
            int distance = Distance(written.ToUpperInvariant(), name.ToUpperInvariant());
            if (distance < least && distance < name.Length)
            {
                least = distance;
                nearest = name;
            }
        }

        return nearest;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.</summary>
    private static int Distance(string from, string to)
    {
        if (Math.Abs(from.Length - to.Length) > 8)
            return int.MaxValue;
        int[,] rows = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++)
            rows[i, 0] = i;
        for (int j = 0; j <= to.Length; j++)
            rows[0, j] = j;
        for (int i = 1; i <= from.Length; i++)
        {
            for (int j = 1; j <= to.Length; j++)
            {
                int replaced = rows[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                rows[i, j] = Math.Min(replaced, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
            }
        }

        return rows[from.Length, to.Length];
    }

    private static string Shorten(string text) => text.Length <= LongestShown ? text : $"{text[..LongestShown]}…";
}
