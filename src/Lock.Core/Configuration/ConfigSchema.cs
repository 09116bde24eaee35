using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Locking;

/// <summary>Writes the JSON Schema of a configuration, made of the tables of the known providers. Names are those of the documentation, and
/// its description says that they are read in any case: a pattern for each name would take from editors what they complete (decision
/// 0177).</summary>
internal sealed class ConfigSchema(KnownProviders known, Utf8JsonWriter json)
{
    private const string Description = "Names, the type and the preset are read in any case; here they stand as they are documented.";

    private const string AnyTime = "^\\s*[0-9][0-9.]*\\s*(ms|s|m|min|h|d)\\s*$";

    public static string Write(KnownProviders known)
    {
        using var buffer = new MemoryStream();
        JsonWriterOptions readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(buffer, readable))
            new ConfigSchema(known, json).Write();
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private void Write()
    {
        json.WriteStartObject();
        json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
        json.WriteString("title", LockBuilderExtensions.EnvironmentVariable);
        json.WriteString("description", Description);
        json.WriteStartArray("anyOf");
        WriteReference("config");
        json.WriteStartObject();
        WriteObject(() =>
        {
            WriteRow(TopSettings.Namespace);
            json.WritePropertyName(ConfigNames.LockConfig);
            WriteReference("config");
        });
        json.WriteStartArray("required");
        json.WriteStringValue(ConfigNames.LockConfig);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("$defs");
        json.WriteStartObject("config");
        WriteConfig();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteConfig()
    {
        WriteObject(() =>
        {
            json.WriteStartObject(TopSettings.Type.Name);
            json.WriteString("type", "string");
            json.WriteStartArray("examples");
            foreach (ILockProvider provider in known.All)
                json.WriteStringValue(provider.Type);
            json.WriteEndArray();
            json.WriteEndObject();
            WriteRow(TopSettings.Namespace);
            WriteRow(TopSettings.Preset);
            foreach (Setting<LockOptions> alias in WaitingAliases.AtTop)
                WriteRow(alias);
            json.WriteStartObject(ConfigNames.Connection);
            json.WriteStartArray("type");
            json.WriteStringValue("object");
            json.WriteStringValue("null");
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartObject(ConfigNames.LockOptions);
            WriteRows([.. OptionSettings.All, .. WaitingAliases.InOptions, .. RowsOf(known.All, SettingPlace.LockOptions)]);
            json.WriteEndObject();
        });
        json.WriteStartArray("allOf");
        foreach (ILockProvider provider in known.All)
            WriteConnection(provider);
        json.WriteEndArray();
    }

    /// <summary>The connection of one type; where there is no server, that of all: it is left behind.</summary>
    private void WriteConnection(ILockProvider provider)
    {
        json.WriteStartObject();
        json.WriteStartObject("if");
        json.WriteStartObject("properties");
        json.WriteStartObject(TopSettings.Type.Name);
        json.WriteString("const", provider.Type);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartArray("required");
        json.WriteStringValue(TopSettings.Type.Name);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("then");
        json.WriteStartObject("properties");
        json.WriteStartObject(ConfigNames.Connection);
        WriteRows(RowsOf(provider.Settings.IsLocal ? known.All : [provider], SettingPlace.Connection));
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteRows(IReadOnlyList<Setting> rows) => WriteObject(() =>
    {
        foreach (Setting row in rows)
            WriteRow(row);
    });

    private void WriteRow(Setting row)
    {
        foreach (string name in row.Names)
        {
            json.WriteStartObject(name);
            WriteKind(row);
            json.WriteString("description", row.Default.Length == 0 ? row.Meaning : $"{row.Meaning} Default: {row.Default}.");
            if (row.IsSecret)
                json.WriteBoolean("writeOnly", true);
            json.WriteEndObject();
        }
    }

    private void WriteKind(Setting row)
    {
        json.WriteStartArray("type");
        foreach (string type in TypesOf(row))
            json.WriteStringValue(type);
        json.WriteEndArray();
        if (row.Kind == SettingKind.Choice)
            WriteChoices(row);
        if (row.Kind is SettingKind.Time or SettingKind.TimeOrNone or SettingKind.TimeOrEndless)
            json.WriteString("pattern", AnyTime);
        if (!double.IsNegativeInfinity(row.Least))
            json.WriteNumber("minimum", row.Kind == SettingKind.TimeOrEndless ? -1 : row.Least);
        if (!double.IsPositiveInfinity(row.Most))
            json.WriteNumber("maximum", row.Most);
        if (row.Items is not { } items)
            return;
        json.WriteNumber("minItems", 1);
        json.WriteStartObject("items");
        WriteRows(items.Rows.Where(static item => item.Place == SettingPlace.Connection).ToList());
        json.WriteEndObject();
    }

    private void WriteChoices(Setting row)
    {
        json.WriteStartArray("enum");
        foreach (string choice in row.Choices)
            json.WriteStringValue(choice);
        if (row.AllowsNull)
            json.WriteNullValue();
        json.WriteEndArray();
    }

    private void WriteObject(Action properties)
    {
        json.WriteString("type", "object");
        json.WriteStartObject("properties");
        properties();
        json.WriteEndObject();
        json.WriteBoolean("additionalProperties", false);
    }

    private void WriteReference(string name)
    {
        json.WriteStartObject();
        json.WriteString("$ref", $"#/$defs/{name}");
        json.WriteEndObject();
    }

    private static IEnumerable<string> TypesOf(Setting row)
    {
        string[] types = row.Kind switch
        {
            SettingKind.Text or SettingKind.TextOrEmpty or SettingKind.Choice => ["string"],
            SettingKind.TextOrNumber or SettingKind.Time => ["string", "integer"],
            SettingKind.TimeOrNone or SettingKind.TimeOrEndless => ["string", "integer", "null"],
            SettingKind.Flag => ["boolean"],
            SettingKind.WholeNumber => ["integer"],
            SettingKind.Number => ["number"],
            _ => ["array"],
        };
        return row.AllowsNull ? types.Append("null").Distinct() : types;
    }

    /// <summary>The rows of some providers; of those with one name, the one that takes most.</summary>
    private static List<Setting> RowsOf(IEnumerable<ILockProvider> providers, SettingPlace place) => providers
        .SelectMany(static provider => provider.Settings.Rows)
        .Where(row => row.Place == place)
        .GroupBy(static row => row.Name, StringComparer.Ordinal)
        .Select(static same => same.MaxBy(static row => row.Choices.Count)!)
        .ToList();
}
