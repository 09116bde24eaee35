using System.Net;

namespace Locking;

/// <summary>How a server is called in messages.</summary>
internal static class EndPointNames
{
    public static string Of(EndPoint endPoint) => endPoint switch
    {
        DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
        var other => other.ToString() ?? "?",
    };
}
