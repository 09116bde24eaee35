using MongoDB.Driver;
using MongoDB.Driver.Core.Configuration;

namespace Locking;

/// <summary>Reads a MongoDB URI with the driver, and says what the driver leaves unsaid. Nothing is looked up: that waits for the first
/// command.</summary>
internal static class MongoUri
{
    private const string Form = "mongodb://[user:password@]host[:port][,host[:port]…][/database][?option=value&…], or "
        + "mongodb+srv://[user:password@]host[/database][?option=value&…]";

    /// <summary>Reads a URI.</summary>
    /// <exception cref="FormatException">Names the part, the value (never the password) and what is allowed.</exception>
    public static MongoUrl Parse(string uri)
    {
        if (!uri.StartsWith("mongodb://", StringComparison.Ordinal) && !uri.StartsWith("mongodb+srv://", StringComparison.Ordinal))
            throw Bad("does not begin with mongodb:// or mongodb+srv://");
        RefuseSocket(uri);
        Dictionary<string, string> options = MongoUriOptions.Split(uri);
        (MongoUrl url, IEnumerable<string> unknown) = Read(uri, options);
        MongoUriOptions.RefuseUnknown(unknown);
        return url;
    }

    /// <summary>Has the driver look at user and mechanism together. What DNS has to say comes with the first command.</summary>
    /// <param name="url">With all that the configuration says beside the URI.</param>
    /// <exception cref="FormatException">They do not go together.</exception>
    public static void Check(MongoUrl url)
    {
        try
        {
            if (url.IsResolved) _ = MongoClientSettings.FromUrl(url);
        }
        catch (Exception exception) when (IsOfUri(exception))
        {
            if (url.Username is null && url.AuthenticationMechanism is { } mechanism)
                throw MongoUriOptions.Bad("authMechanism", mechanism,
                    "nothing without a user; give one before the host (user:password@) or as connection.username, or leave it out");
            throw Explain(url.Url, MongoUriOptions.Split(url.Url), exception.Message);
        }
    }

    private static bool IsOfUri(Exception exception) =>
        exception is MongoException or ArgumentException or OverflowException or FormatException or NotSupportedException
            or InvalidOperationException;

    private static (MongoUrl Url, IEnumerable<string> Unknown) Read(string uri, Dictionary<string, string> options)
    {
        try
        {
            return (new MongoUrl(uri), new ConnectionString(uri).AllUnknownOptionNames);
        }
        catch (Exception exception) when (IsOfUri(exception))
        {
            // The driver's word, and the exception itself, may hold the URI with its password.
            throw Explain(uri, options, exception.Message);
        }
    }

    /// <summary>The driver would take its path for a host name.</summary>
    private static void RefuseSocket(string uri)
    {
        string authority = Authority(uri);
        if (authority[(authority.LastIndexOf('@') + 1)..].Contains("%2F", StringComparison.OrdinalIgnoreCase))
            throw Bad("names a Unix socket, which MongoDB's .NET driver does not connect to: let the server listen on 127.0.0.1 too, and "
                + "name that");
    }

    private static FormatException Explain(string uri, Dictionary<string, string> options, string said)
    {
        if (!said.Contains("onnection string", StringComparison.Ordinal))
            return new FormatException($"The MongoDB URI is not understood: {Hide(uri, options, said)} The form is {Form}.");
        string authority = Authority(uri);
        int at = authority.LastIndexOf('@');
        if (at < 0 ? uri.Contains('@', StringComparison.Ordinal) : authority[..at].Contains('@', StringComparison.Ordinal)
            || authority[..at].Count(c => c == ':') > 1 || said.Contains('%', StringComparison.Ordinal))
            return Bad("has a part before '@' that is not user:password; write ':', '/', '?', '#', '[', ']', '@' and '%' in them "
                + "percent-encoded");
        return Bad($"is not understood, the hosts being '{authority[(at + 1)..]}'");
    }

    private static string Hide(string uri, Dictionary<string, string> options, string said)
    {
        string authority = Authority(uri);
        int at = authority.LastIndexOf('@');
        string[] secrets = [.. (at < 0 ? "" : authority[..at]).Split(':').Skip(1),
            .. options.Where(option => option.Key.Contains("password", StringComparison.OrdinalIgnoreCase)).Select(option => option.Value)];
        return secrets.Where(secret => secret.Length > 0).Any(secret => said.Contains(secret, StringComparison.Ordinal)
            || said.Contains(Uri.UnescapeDataString(secret), StringComparison.Ordinal)) ? "…" : said;
    }

    private static string Authority(string uri)
    {
        string rest = uri[(uri.IndexOf("://", StringComparison.Ordinal) + 3)..];
        int end = rest.AsSpan().IndexOfAny('/', '?');
        return end < 0 ? rest : rest[..end];
    }

    private static FormatException Bad(string why) => new($"The MongoDB URI {why}. The form is {Form}.");
}
