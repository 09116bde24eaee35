using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;

namespace Locking;

/// <summary>What became of an attempt to take the guard of a path.</summary>
internal enum GuardTaking
{
    /// <summary>This process has it.</summary>
    Taken,

    /// <summary>Another broker of this user has it: it serves the path, wherever its files are.</summary>
    Another,

    /// <summary>Somebody else has its name, or nobody can say who: it is done without.</summary>
    PassedOver,
}

/// <summary>The guard of a broker's path: a socket without a file, which no emptied directory and no private /tmp hides. Linux.</summary>
/// <remarks>
/// <para>Its name follows from user and path; it is free as soon as its process has ended, however. Everybody may take any name there:
/// whose process listens is asked of the system, and another user's is passed over, so that nobody keeps another user from locking.</para>
/// <para>The broker serves there as well, its own user alone: who does not see the file finds it so.</para>
/// </remarks>
internal static class PathGuard
{
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;

    /// <summary>How long a name may be taken without a listener: between the two calls of one that begins, or ends.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);

    /// <summary>Where the guard of a path is.</summary>
    public static UnixDomainSocketEndPoint AddressOf(string path)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Path.GetFullPath(path));
        ulong first = RecordHash.Of(bytes);
        return new UnixDomainSocketEndPoint($"\0lock-broker-{UnixFiles.UserId}-{first:x16}{RecordHash.Of([.. bytes, 0]):x16}");
    }

    /// <summary>Takes it.</summary>
    /// <param name="path">The path of the broker's socket.</param>
    /// <param name="listener">Taken: listens. To be disposed last of all.</param>
    /// <param name="own">The number of this user; for tests.</param>
    /// <param name="at">Where it is; for tests.</param>
    [SupportedOSPlatform("linux")]
    public static GuardTaking TryTake(string path, out Socket? listener, uint? own = null, UnixDomainSocketEndPoint? at = null)
    {
        listener = null;
        uint user = own ?? UnixFiles.UserId;
        UnixDomainSocketEndPoint address = at ?? AddressOf(path);
        long began = TimeProvider.System.GetTimestamp();
        do
        {
            listener = Listen(address);
            if (listener is not null)
                return GuardTaking.Taken;
            switch (IsOf(user, address))
            {
                case true:
                    return GuardTaking.Another;
                case false:
                    return GuardTaking.PassedOver;
                default:
                    // It has been bound and does not listen yet, or has just ended.
                    Thread.Yield();
                    break;
            }
        }
        while (TimeProvider.System.GetElapsedTime(began) < s_patience);

        return GuardTaking.PassedOver;
    }

    /// <summary>Whether the other side of a connection is a process of this user.</summary>
    [SupportedOSPlatform("linux")]
    public static bool IsOwn(Socket socket) => IsOf(UnixFiles.UserId, socket);

    [SupportedOSPlatform("linux")]
    private static bool IsOf(uint user, Socket socket)
    {
        // struct ucred: pid, uid, gid.
        Span<byte> credentials = stackalloc byte[12];
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == credentials.Length
            && BitConverter.ToUInt32(credentials[4..]) == user;
    }

    /// <summary>Listens there; null when the name is taken.</summary>
    private static Socket? Listen(UnixDomainSocketEndPoint address)
    {
        Socket socket = NewSocket();
        try
        {
            socket.Bind(address);
            socket.Listen(1024);
            return socket;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    /// <summary>Whether who listens there is a process of that user; null when nobody listens.</summary>
    [SupportedOSPlatform("linux")]
    private static bool? IsOf(uint user, UnixDomainSocketEndPoint address)
    {
        using Socket socket = NewSocket();
        socket.Blocking = false; // a queue that is full must not hold up whoever asks
        try
        {
            socket.Connect(address);
            return IsOf(user, socket);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
