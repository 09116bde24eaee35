using System.Globalization;

namespace Locking;

/// <summary>What a url may be, whatever its scheme: its ports are ports.</summary>
internal static class UrlRule
{
    /// <summary>Refuses a url with a port that cannot be one, before a driver's reader says less of it.</summary>
    /// <exception cref="LockConfigException">It has one.</exception>
    public static void Check(string? url, string path)
    {
        const int most = 65535;
        int scheme = url?.IndexOf("://", StringComparison.Ordinal) ?? -1;
        if (scheme < 0)
            return;
        ReadOnlySpan<char> rest = url.AsSpan(scheme + 3);
        int end = rest.IndexOfAny("/?#");
        ReadOnlySpan<char> servers = end < 0 ? rest : rest[..end];

        // A password that is not encoded may have anything in it, and nothing of it may be shown.
        if (end >= 0 && rest[end..].Contains('@'))
            return;
        servers = servers[(servers.LastIndexOf('@') + 1)..];
        foreach (Range range in servers.Split(','))
        {
            ReadOnlySpan<char> server = servers[range];
            int colon = server.LastIndexOf(':');
            if (colon < 0 || (server[..colon].Contains(':') && server[colon - 1] != ']'))
                continue;
            ReadOnlySpan<char> port = server[(colon + 1)..];
            if (port.IsEmpty || port.ContainsAnyExceptInRange('0', '9'))
                continue;
            if (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is 0 or > most)
                throw new LockConfigException(path, $"has the port {port}. Allowed: 1 to {most.ToString(CultureInfo.InvariantCulture)}.");
        }
    }
}
