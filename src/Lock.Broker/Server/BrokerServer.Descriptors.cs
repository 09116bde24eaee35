using System.Net.Sockets;

namespace Locking;

/// <summary>Descriptors are left over for the runtime: where it finds none for a new thread or a part of the program, it ends the process.</summary>
public sealed partial class BrokerServer
{
    private const int MostKeptFree = 32;

    private bool _hasToldOfDescriptors;

    /// <summary>How many files the process may have open; for tests.</summary>
    internal Func<long?> DescriptorLimit { get; init; } = static () => UnixFiles.DescriptorLimit;

    /// <summary>Whether a connection that has just been taken is one too many. The system gives the lowest number that is free, so that all
    /// below it are in use.</summary>
    private bool IsNearlyOutOfDescriptors(Socket socket)
    {
        if (OperatingSystem.IsWindows() || DescriptorLimit() is not { } limit || socket.Handle < limit - Math.Min(MostKeptFree, limit / 8))
        {
            Volatile.Write(ref _hasToldOfDescriptors, false);
            return false;
        }

        if (!Interlocked.Exchange(ref _hasToldOfDescriptors, true))
            LogOutOfDescriptors(limit);
        return true;
    }
}
