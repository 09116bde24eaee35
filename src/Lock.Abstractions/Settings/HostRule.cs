using System.Net;
using System.Text.RegularExpressions;

namespace Locking;

/// <summary>What a host may be: a name or an address, and nothing beside it.</summary>
internal static partial class HostRule
{
    public const string Allowed = "a host name or an address";

    /// <summary>Refuses a host that says more.</summary>
    /// <exception cref="LockConfigException">It does.</exception>
    public static void Check(string? host, string path)
    {
        if (host is null)
            return;
        string shown = ConfigErrors.ShowText(host);
        if (host.Contains("://", StringComparison.Ordinal))
        {
            throw new LockConfigException(
                path, $"{shown} is a whole address. Allowed: {Allowed}; an address with a scheme is a url.");
        }

        if (host.StartsWith('[') || !IPAddress.TryParse(host, out _))
            CheckName(host, shown, path);
    }

    private static void CheckName(string host, string shown, string path)
    {
        Match parts = Parts().Match(host);
        if (parts.Success && parts.Groups["port"].Value is { Length: > 0 } port)
        {
            throw new LockConfigException(
                path,
                $"{shown} has a port in it. Allowed: {Allowed}; the port stands beside it: "
                + $"{{\"host\": \"{parts.Groups["host"].Value}\", \"port\": {port}}}.");
        }

        if (!parts.Success)
            throw new LockConfigException(path, $"{shown} is not a host. Allowed: {Allowed}, and one only.");
    }

    [GeneratedRegex(
        "^(?<host>\\[[0-9A-Fa-f:.%]+\\]|[^\\s:/@,;\\[\\]]+)(:(?<port>[0-9]{1,5}))?$",
        RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Parts();
}
