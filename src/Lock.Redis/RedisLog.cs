using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>What this provider logs.</summary>
internal static partial class RedisLog
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Warning,
        Message =
            "{Server}: no notices of releases ({Reason}). Waiters ask every {Pause} ms instead, and a lock that is taken away by force " +
            "is noticed at its next renewal. "
            + "Allow the channel {Channel} (ACL: +publish +subscribe &lock:*), or set lockOptions.wait to poll.")]
    public static partial void NoNotices(ILogger logger, string server, string reason, double pause, string channel);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning,
        Message = "{Server} did not answer over its connection for {Silence} ms, and answers over a new one: the connection is replaced.")]
    public static partial void Replaced(ILogger logger, string server, double silence);
}
