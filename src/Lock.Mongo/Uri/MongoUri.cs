using System.Buffers;

namespace Locking;

/// <summary>Reads <c>mongodb://user:password@host1:port1,host2/database?option=value&amp;…</c>.</summary>
internal static class MongoUri
{
    private static readonly SearchValues<char> NotInDatabases = SearchValues.Create("/\\. \"$\0");
    private const string Scheme = "mongodb://";
    private const string Form = "mongodb://[user:password@]host[:port][,host[:port]…][/database][?option=value&…]";

    /// <summary>Reads a URI.</summary>
    /// <param name="uri">The URI. User name, password, socket paths and values are percent-encoded.</param>
    /// <param name="defaults">What holds where the URI says nothing.</param>
    /// <exception cref="FormatException">Names the part, the value (never the password) and what is allowed.</exception>
    public static MongoClientSettings Parse(string uri, MongoClientSettings? defaults = null)
    {
        if (uri.StartsWith("mongodb+srv://", StringComparison.OrdinalIgnoreCase))
            throw new FormatException("mongodb+srv:// needs DNS records that .NET cannot look up. List the hosts as mongodb://host1,host2/?replicaSet=…&tls=true, or use the official driver through Lock.Mongo.Driver.");
        if (!uri.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) throw Bad("The URI", "does not begin with mongodb://");

        string rest = uri[Scheme.Length..];
        int question = rest.IndexOf('?', StringComparison.Ordinal);
        string query = question < 0 ? "" : rest[(question + 1)..];
        if (question >= 0) rest = rest[..question];
        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        string path = slash < 0 ? "" : rest[(slash + 1)..];
        string authority = slash < 0 ? rest : rest[..slash];

        MongoClientSettings settings = Path(Authority(authority, defaults ?? new MongoClientSettings()), path);
        settings = MongoUriOptions.Apply(settings, query);
        if (settings.DirectConnection && settings.Hosts.Count > 1) throw Bad("directConnection=true", $"is for one host; {settings.Hosts.Count} are given");
        return settings;
    }

    private static MongoClientSettings Authority(string authority, MongoClientSettings settings)
    {
        int at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            string[] login = authority[..at].Split(':');
            // What stands before the @ may hold the password: it is never shown.
            if (login.Length > 2 || login[0].Length == 0 || login.Any(part => part.Contains('@', StringComparison.Ordinal) || !IsEncoded(part)))
                throw Bad("The part before '@'", "is not user:password; write ':', '/', '?', '#', '[', ']', '@' and '%' in them percent-encoded");
            settings = settings with { Username = Uri.UnescapeDataString(login[0]), Password = login.Length == 2 ? Uri.UnescapeDataString(login[1]) : settings.Password };
        }

        return settings with { Hosts = [.. authority[(at + 1)..].Split(',').Select(Host).Distinct()] };
    }

    private static MongoEndpoint Host(string text)
    {
        // Only the path of a socket is percent-encoded, but for the zone of an IPv6 address; a relative path counts from the working directory.
        if (text.Contains("%2F", StringComparison.OrdinalIgnoreCase)) return MongoEndpoint.UnixSocket(Uri.UnescapeDataString(text));
        return MongoEndpoint.TryParse(text) ?? throw Bad($"The host '{text}'", "is not host, host:port (1 to 65535), [ipv6]:port, or the percent-encoded path of a Unix socket");
    }

    private static MongoClientSettings Path(MongoClientSettings settings, string path)
    {
        if (path.Length == 0) return settings;
        string database = Uri.UnescapeDataString(path);
        if (database.AsSpan().ContainsAny(NotInDatabases)) throw Bad($"The database '{database}'", "holds a character that a database name cannot have (/ \\ . space \" $)");
        // The database of the path is where the user is known, unless authSource says otherwise.
        return settings with { Database = database, AuthSource = database };
    }

    private static bool IsEncoded(string part)
    {
        for (int i = part.IndexOf('%', StringComparison.Ordinal); i >= 0; i = part.IndexOf('%', i + 1))
        {
            if (i + 2 >= part.Length || !char.IsAsciiHexDigit(part[i + 1]) || !char.IsAsciiHexDigit(part[i + 2])) return false;
        }

        return true;
    }

    private static FormatException Bad(string what, string why) => new($"{what} {why}. The form is {Form}.");
}
