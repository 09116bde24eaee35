using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>All log messages of the engine. Keys are shown, secrets never are.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The lock '{Key}' (id {Id}) is lost: {Reason}.")]
    public static partial void Lost(ILogger logger, string key, string id, LostReason reason);

    [LoggerMessage(2, LogLevel.Warning,
        "A handle of the lock '{Key}' (id {Id}) was dropped without being disposed. It is not renewed any more and ends with its TTL. "
        + "Use 'await using', or call UnlockAsync.")]
    public static partial void Dropped(ILogger logger, string key, string id);

    [LoggerMessage(3, LogLevel.Debug, "The {Backend} backend did not do '{Step}' for the lock '{Key}' (id {Id}): {Error}")]
    public static partial void StoreFailed(ILogger logger, string backend, string step, string key, string id, string error);

    [LoggerMessage(4, LogLevel.Debug,
        "The lock '{Key}' (id {Id}) could not be given back within {Milliseconds} ms; it ends with its TTL unless a later attempt "
        + "succeeds.")]
    public static partial void ReleaseUnanswered(ILogger logger, string key, string id, double milliseconds);

    [LoggerMessage(
        5, LogLevel.Debug,
        "The lock '{Key}' (id {Id}) was acquired with token {Token} on attempt {Attempt} after {Milliseconds} ms.")]
    public static partial void Acquired(ILogger logger, string key, string id, long? token, int attempt, double milliseconds);

    [LoggerMessage(6, LogLevel.Debug, "The lock '{Key}' (id {Id}) was given back: {Outcome}.")]
    public static partial void Released(ILogger logger, string key, string id, UnlockOutcome outcome);

    [LoggerMessage(8, LogLevel.Warning,
        "The {Backend} backend fails: it did not do '{Step}' for the lock '{Key}' (id {Id}): {Error} Further failures are of level Debug "
        + "until it answers again.")]
    public static partial void OutageBegins(ILogger logger, string backend, string step, string key, string id, string error);

    [LoggerMessage(9, LogLevel.Warning,
        "The {Backend} backend answers again. {Failures} request(s) failed within {Seconds:0.0} s, and {Losses} lease(s) were lost "
        + "meanwhile.")]
    public static partial void OutageEnds(ILogger logger, string backend, int failures, double seconds, int losses);

    [LoggerMessage(10, LogLevel.Debug, "The lock '{Key}' (id {Id}) is lost: {Reason}.")]
    public static partial void LostQuietly(ILogger logger, string key, string id, LostReason reason);

    [LoggerMessage(11, LogLevel.Warning,
        "A call has waited for {Seconds:0} s for the lock '{Key}', which the same ILock object holds: {Holder}. Locks are not re-entrant: "
        + "who asks again waits for itself.")]
    public static partial void WaitsForItself(ILogger logger, string key, double seconds, string holder);

    [LoggerMessage(7, LogLevel.Warning, "The grant of the lock '{Key}' (id {Id}) came too late to be used; it is given back.")]
    public static partial void GrantedTooLate(ILogger logger, string key, string id);
}
