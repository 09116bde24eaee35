using System.Buffers;
using System.Globalization;
using System.Net;

namespace Locking;

/// <summary>Where a server listens: a host and port, or a Unix socket (its path in <paramref name="Host"/>, port 0).</summary>
internal readonly record struct MongoEndpoint(string Host, int Port)
{
    private static readonly SearchValues<char> NotInHosts = SearchValues.Create(" \t\r\n,/\\@?#%");

    public const int DefaultPort = 27017;

    public bool IsUnixSocket => Port == 0;

    public static MongoEndpoint UnixSocket(string path) => new(path, 0);

    /// <summary>Reads <c>host</c>, <c>host:port</c>, <c>[ipv6]</c> or <c>[ipv6]:port</c>; null when it is none of them.</summary>
    public static MongoEndpoint? TryParse(string text)
    {
        int colon = text.LastIndexOf(':');
        if (text.StartsWith('['))
        {
            int end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0) return null;
            // An IPv6 address may name its zone behind a percent sign.
            string address = text[1..end].Replace("%25", "%", StringComparison.Ordinal);
            if (!IPAddress.TryParse(address, out _)) return null;
            int? given = end == text.Length - 1 ? DefaultPort : colon == end + 1 ? Port(text[(colon + 1)..]) : null;
            return given is { } known ? new MongoEndpoint(address.ToLowerInvariant(), known) : null;
        }

        if (colon != text.IndexOf(':', StringComparison.Ordinal)) return null;
        return colon < 0 ? Create(text, DefaultPort) : Create(text[..colon], Port(text[(colon + 1)..]));

        static int? Port(string digits) =>
            int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is >= 1 and <= 65535 ? port : null;

        static MongoEndpoint? Create(string host, int? port) =>
            host.Length > 0 && !host.AsSpan().ContainsAny(NotInHosts) && port is { } given ? new MongoEndpoint(host.ToLowerInvariant(), given) : null;
    }

    public override string ToString() => IsUnixSocket ? Host : Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
