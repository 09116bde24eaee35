using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Locking;

/// <summary>Writes a configuration as JSON, without secrets.</summary>
internal static class ConfigWriter
{
    public static string Write(LockConfig config)
    {
        using var buffer = new MemoryStream();
        var format = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(buffer, format))
        {
            json.WriteStartObject();
            WriteSettings(json, TopSettings.All, config);
            if (config.Connection is { } connection)
                WriteConnection(json, TopSettings.Connection, connection);
            if (config.LockOptions is { } options)
            {
                json.WriteStartObject(TopSettings.LockOptions);
                WriteSettings(json, OptionSettings.All, options);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteConnection(Utf8JsonWriter json, string? name, LockConnection connection)
    {
        if (name is null)
            json.WriteStartObject();
        else
            json.WriteStartObject(name);
        WriteSettings(json, ConnectionSettings.All, connection);
        if (connection.Endpoints is { } endpoints)
        {
            json.WriteStartArray(ConnectionSettings.Endpoints);
            foreach (var endpoint in endpoints)
                WriteConnection(json, null, endpoint);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteSettings<TOwner>(Utf8JsonWriter json, IReadOnlyList<Setting<TOwner>> settings, TOwner owner)
    {
        foreach (var setting in settings)
        {
            if (setting.Get(owner) is { } value && (!setting.IsSecret || IsPlainAddress(setting.Name, value)))
                WriteValue(json, setting.Name, SettingValues.ToJsonValue(value));
        }
    }

    /// <summary>Whether a value under a secret setting can only be an address: a scheme, a host and a port.</summary>
    private static bool IsPlainAddress(string name, object value) =>
        name == ConnectionSettings.Url.Name
        && Uri.TryCreate(value as string, UriKind.Absolute, out var address)
        && address is { UserInfo: "", Host.Length: > 0, Query: "" }
        && value is string text && text.Contains("://", StringComparison.Ordinal) && !text.Contains('@', StringComparison.Ordinal);

    private static void WriteValue(Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case null: json.WriteNull(name); break;
            case bool flag: json.WriteBoolean(name, flag); break;
            case int number: json.WriteNumber(name, number); break;
            case long number: json.WriteNumber(name, number); break;
            case double number: json.WriteNumber(name, number); break;
            default: json.WriteString(name, (string)value); break;
        }
    }
}
