using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Locking;

/// <summary>Writes a configuration as JSON, without secrets, and without settings that nobody known has: they may be secrets.</summary>
internal sealed class ConfigWriter(KnownProviders known, ILockProvider? own)
{
    public static string Write(LockConfig config, KnownProviders known)
    {
        string? type = config.Type ?? (config.Preset is null ? null : Presets.TypeOf(config.Preset));
        return new ConfigWriter(known, known.Find(type)).Write(config);
    }

    private string Write(LockConfig config)
    {
        using var buffer = new MemoryStream();
        var format = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(buffer, format))
        {
            json.WriteStartObject();
            WriteRows(json, TopSettings.All, config);
            if (config.Connection is { } connection)
            {
                json.WriteStartObject(ConfigNames.Connection);
                WriteSettings(json, connection, name => RowOf(name, SettingPlace.Connection));
                json.WriteEndObject();
            }

            if (config.LockOptions is not null || config.StoreOptions is not null)
            {
                json.WriteStartObject(ConfigNames.LockOptions);
                WriteRows(json, OptionSettings.All, config.LockOptions ?? new LockOptions());
                WriteSettings(json, config.StoreOptions ?? [], name => RowOf(name, SettingPlace.LockOptions));
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private Setting? RowOf(string name, SettingPlace place) =>
        (own is null ? null : SettingsReader.Find(own.Settings, name, place)) ?? known.Others(own, name, place)?.Row;

    private static void WriteRows<TOwner>(Utf8JsonWriter json, IReadOnlyList<Setting<TOwner>> rows, TOwner owner)
    {
        foreach (Setting<TOwner> row in rows)
        {
            if (row.Get(owner) is { } value)
                WriteValue(json, row.Name, value);
        }
    }

    private static void WriteSettings(Utf8JsonWriter json, LockSettings settings, Func<string, Setting?> rowOf)
    {
        foreach ((string name, object? value) in settings)
        {
            if (rowOf(name) is not { } row || settings[name] is not { } plain || (row.IsSecret && !IsPlainAddress(row, plain)))
                continue;
            if (value is not IEnumerable<LockSettings> list)
            {
                WriteValue(json, row.Name, plain);
                continue;
            }

            json.WriteStartArray(row.Name);
            foreach (LockSettings item in list)
            {
                json.WriteStartObject();
                WriteSettings(json, item, of => SettingsReader.Find(row.Items!, of, SettingPlace.Connection));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    /// <summary>Whether the value of a url can only be an address: a scheme, a host and a port.</summary>
    private static bool IsPlainAddress(Setting row, object value) =>
        row.Name == "url" && value is string text
        && Uri.TryCreate(text, UriKind.Absolute, out Uri? address)
        && address is { UserInfo: "", Host.Length: > 0, Query: "" }
        && text.Contains("://", StringComparison.Ordinal) && !text.Contains('@', StringComparison.Ordinal);

    private static void WriteValue(Utf8JsonWriter json, string name, object value)
    {
        switch (value)
        {
            case TimeSpan span when span == Timeout.InfiniteTimeSpan: json.WriteNull(name); break;
            case TimeSpan span: json.WriteNumber(name, (long)span.TotalMilliseconds); break;
            case bool flag: json.WriteBoolean(name, flag); break;
            case int number: json.WriteNumber(name, number); break;
            case double number: json.WriteNumber(name, number); break;
            default: json.WriteString(name, value.ToString()); break;
        }
    }
}
