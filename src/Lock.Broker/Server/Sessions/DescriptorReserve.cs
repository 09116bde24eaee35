using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Descriptors are left over for the runtime: where it finds none for a new thread or a part of the program, it ends the
/// process.</summary>
internal sealed partial class DescriptorReserve(ILogger logger)
{
    private const int MostKeptFree = 32;

    private bool _hasTold;

    /// <summary>How many files the process may have open; for tests.</summary>
    public Func<long?> Limit { get; set; } = static () => UnixFiles.DescriptorLimit;

    /// <summary>Whether a connection that has just been taken is one too many. The system gives the lowest number that is free, so that all
    /// below it are in use.</summary>
    public bool IsReachedBy(Socket socket)
    {
        if (OperatingSystem.IsWindows() || Limit() is not { } limit || socket.Handle < limit - Math.Min(MostKeptFree, limit / 8))
        {
            Volatile.Write(ref _hasTold, false);
            return false;
        }

        if (!Interlocked.Exchange(ref _hasTold, true))
            LogReached(limit);
        return true;
    }

    [LoggerMessage(12, LogLevel.Warning, "Connections are closed at once: nearly all of the {Limit} files that the process may have open "
        + "are in use.")]
    private partial void LogReached(long limit);
}
