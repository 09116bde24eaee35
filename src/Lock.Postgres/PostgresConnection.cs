using System.Data.Common;
using System.Text.RegularExpressions;
using Npgsql;

namespace Locking;

/// <summary>From settings to a data source of the driver's.</summary>
internal static partial class PostgresConnection
{
    public const string AllowedTable = "a name, or schema.name, of ASCII letters, digits and underscores, each at most 63 long";

    /// <summary>Milliseconds; no setting is so long that matching it takes a noticeable part of that.</summary>
    private const int MatchTimeout = 60_000;

    /// <summary>The names of libpq for what Npgsql calls otherwise.</summary>
    private static readonly Dictionary<string, string> s_names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sslmode"] = "SSL Mode", ["sslrootcert"] = "Root Certificate", ["sslcert"] = "SSL Certificate", ["sslkey"] = "SSL Key",
        ["application_name"] = "Application Name", ["target_session_attrs"] = "Target Session Attributes",
        ["connect_timeout"] = "Timeout", ["dbname"] = "Database", ["user"] = "Username",
    };

    /// <summary>A table's name as statements have it.</summary>
    /// <exception cref="LockConfigException">It is none.</exception>
    public static string Quoted(string table, string path) => TableName().IsMatch(table)
        ? string.Join('.', table.Split('.').Select(static part => $"\"{part}\""))
        : throw new LockConfigException(path, $"is '{table}'; {AllowedTable} is allowed.");

    /// <summary>Makes the source of a store's own connections. Nothing connects yet.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="target">Server and database, for messages.</param>
    /// <exception cref="LockConfigException">The url cannot be read, or says something else than another setting.</exception>
    public static NpgsqlDataSource Open(PostgresLockSettings settings, out string target)
    {
        NpgsqlConnectionStringBuilder text = settings.Url is { } url
            ? Read(url)
            : new() { Host = settings.Path ?? settings.Host ?? "127.0.0.1", Port = settings.Port ?? 5432 };
        Add(text, "Username", settings.Username, "username");
        Add(text, "Password", settings.Password, "password");
        Add(text, "Database", settings.Database, "database");
        Add(text, "SSL Mode",
            settings.Tls switch { null => null, true => nameof(SslMode.VerifyFull), false => nameof(SslMode.Disable) }, "tls");
        Default(text, "Database", "postgres");
        Default(text, "Timeout", (int)Math.Ceiling((settings.ConnectTimeout ?? PostgresLockProvider.ConnectTimeout).TotalSeconds));
        Default(text, "Maximum Pool Size", 20);
        Default(text, "Application Name", "Lock");
        Default(text, "GSS Encryption Mode", nameof(GssEncryptionMode.Disable));
        // Nothing is left in a session that would have to be taken back, and a lock is in nobody's transaction.
        text.NoResetOnClose = true;
        text.Enlist = false;
        text.TcpKeepAlive = true;
        bool hasPorts = text.Host!.Contains(':', StringComparison.Ordinal) || text.Host.Contains(',', StringComparison.Ordinal);
        target = $"{text.Host}{(hasPorts ? "" : $":{text.Port}")}/{text.Database}";
        NpgsqlSlimDataSourceBuilder builder = new NpgsqlSlimDataSourceBuilder(text.ConnectionString).EnableTransportSecurity();
        return text.Host.Contains(',', StringComparison.Ordinal) && !text.ShouldSerialize("Target Session Attributes")
            ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary)
            : builder.Build();
    }

    private static NpgsqlConnectionStringBuilder Read(string url)
    {
        var text = new NpgsqlConnectionStringBuilder();
        foreach ((string name, object value) in url.StartsWith("postgres", StringComparison.OrdinalIgnoreCase)
            && Form().Match(url) is { Success: true } form ? OfUri(form) : OfText(url))
        {
            try
            {
                text[s_names.GetValueOrDefault(name, name)] = value;
            }
            catch (Exception exception)
                when (exception is ArgumentException or FormatException or InvalidCastException or KeyNotFoundException)
            {
                throw new LockConfigException("connection.url",
                    $"has '{name}', which Npgsql does not know or not with this value; its connection string's parameters are allowed.");
            }
        }

        if (string.IsNullOrEmpty(text.Host))
            throw new LockConfigException("connection.url",
                "names no host; write postgres://host:5432/database, or Host=host;Database=database.");
        return text;
    }

    private static IEnumerable<(string Name, object Value)> OfText(string url)
    {
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = url };
            return parts.Keys!.Cast<string>().Select(name => (name, parts[name]));
        }
        catch (ArgumentException)
        {
            throw new LockConfigException("connection.url",
                "cannot be read; write postgres://host:5432/database, or Host=host;Database=database.");
        }
    }

    private static IEnumerable<(string Name, object Value)> OfUri(Match form)
    {
        foreach (string name in (string[])["Host", "Username", "Password", "Database"])
        {
            if (form.Groups[name] is { Success: true, Length: > 0 } part)
                yield return (name, name == "Host" ? part.Value : Uri.UnescapeDataString(part.Value));
        }

        foreach (string option in form.Groups["Options"].Value.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = option.Split('=', 2);
            yield return (pair[0], Uri.UnescapeDataString(pair[^1]));
        }
    }

    private static void Add(NpgsqlConnectionStringBuilder text, string name, string? value, string setting)
    {
        if (value is null)
            return;
        if (text.ShouldSerialize(name) && text[name]?.ToString() != value)
            throw new LockConfigException($"connection.{setting}", "says something else than connection.url; say it once.");
        text[name] = value;
    }

    private static void Default(NpgsqlConnectionStringBuilder text, string name, object value)
    {
        if (!text.ShouldSerialize(name))
            text[name] = value;
    }

    [GeneratedRegex(
        """^postgres(?:ql)?://(?:(?<Username>[^:@/?]*)(?::(?<Password>[^@/?]*))?@)?"""
            + """(?<Host>[^/?]*)(?:/(?<Database>[^?]*))?(?:\?(?<Options>.*))?$""",
        RegexOptions.IgnoreCase, MatchTimeout)]
    private static partial Regex Form();

    [GeneratedRegex("^(?:[A-Za-z_][A-Za-z0-9_]{0,62}\\.)?[A-Za-z_][A-Za-z0-9_]{0,62}$", RegexOptions.None, MatchTimeout)]
    private static partial Regex TableName();
}
