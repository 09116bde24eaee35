using System.Text;
using System.Text.RegularExpressions;

namespace Locking.Tests.Documentation;

/// <summary>The tables of docs/configuration.md, between a mark that names them and the next mark.</summary>
internal static partial class SettingsTables
{
    /// <summary>The page with its tables made anew.</summary>
    public static string In(string page) =>
        Marked().Replace(page,
            static found => $"{found.Groups["begin"].Value}\n{Of(found.Groups["name"].Value)}{found.Groups["end"].Value}");

    private static string Of(string name)
    {
        var text = new StringBuilder();
        if (name == "top")
        {
            text.Append("| name | type | default | meaning |\n|---|---|---|---|\n");
            foreach (Setting row in (Setting[])[.. TopSettings.All, .. WaitingAliases.AtTop])
                text.Append($"| `{row.Name}` | {Type(row)} | {row.Default} | {row.Meaning} |\n");
            return text.ToString();
        }

        if (name == "engine")
            return Rows(text, [.. OptionSettings.All, .. WaitingAliases.InOptions], withPlace: false).ToString();
        return Rows(text, BuiltInProviders.Known.Get(name).Settings.Rows, withPlace: true).ToString();
    }

    private static StringBuilder Rows(StringBuilder text, IReadOnlyList<Setting> rows, bool withPlace)
    {
        text.Append(withPlace
            ? "| name | also | in | type | default | meaning |\n|---|---|---|---|---|---|\n"
            : "| name | also | type | default | meaning |\n|---|---|---|---|---|\n");
        foreach (Setting row in rows)
        {
            string also = string.Join(", ", row.Aliases.Select(static alias => $"`{alias}`"));
            string place = withPlace ? $" `{(row.Place == SettingPlace.Connection ? "connection" : "lockOptions")}` |" : "";
            text.Append(
                $"| `{row.Name}` | {also} |{place} {Type(row)} | {row.Default} | {row.Meaning} |\n".Replace("|  |", "| |",
                    StringComparison.Ordinal));
        }

        return text;
    }

    private static string Type(Setting row) => SettingWords.TypeOf(row);

    [GeneratedRegex("(?<begin><!-- settings: (?<name>[a-zA-Z]+) -->)\\n.*?(?<end><!-- end -->)",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Marked();
}
