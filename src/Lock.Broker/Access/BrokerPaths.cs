using System.Globalization;

namespace Locking;

/// <summary>Where this user's own broker is found. Follows from the user id alone, so that a shell, cron and a service meet.</summary>
public static class BrokerPaths
{
    /// <summary>This user's own directory: <c>/tmp/lock-UID</c>; on Windows below the user's local application data.</summary>
    public static string DefaultDirectory => OperatingSystem.IsWindows()
        ? System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "lock")
        : string.Create(CultureInfo.InvariantCulture, $"/tmp/lock-{UnixFiles.UserId}");

    /// <summary>The socket of this user's own broker.</summary>
    public static string DefaultSocket => System.IO.Path.Combine(DefaultDirectory, "broker.sock");
}
