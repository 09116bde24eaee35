using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;

namespace Locking;

/// <summary>Where a client looks for its broker.</summary>
internal sealed record BrokerAddress(string? Path, string Host, int Port)
{
    public static BrokerAddress Of(BrokerLockSettings? connection)
    {
        if (connection?.Path is { } path)
        {
            if (connection.Host is not null || connection.Port is not null)
                throw new LockConfigException("connection.path", "connection.path and connection.host or port exclude each other: give "
                    + "one of them.");
            return new BrokerAddress(CheckedPath(path), "", 0);
        }

        return new BrokerAddress(null, connection?.Host ?? "127.0.0.1", connection?.Port ?? BrokerServerOptions.DefaultPort);
    }

    /// <summary>Whether a broker for it can be started on this machine.</summary>
    public bool IsLocal => Path is not null || string.Equals(Host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(Host, out IPAddress? address) && IPAddress.IsLoopback(address));

    /// <summary>Connects. Faults of the network arrive as they are.</summary>
    /// <exception cref="LockStoreException">The directory of this user's own socket is somebody else's.</exception>
    public async ValueTask<Socket> ConnectAsync(bool noDelay, CancellationToken cancellationToken)
    {
        (Socket? socket, EndPoint? endPoint) = NewSocket(noDelay);
        try
        {
            return await ConnectAsync(socket, endPoint, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException) when (Path is not null && OperatingSystem.IsLinux())
        {
            // Its file may be out of sight, or was removed, and the broker live all the same.
            Socket? found = null;
            try
            {
                found = await ConnectAsync(NewUnixSocket(), PathGuard.AddressOf(Path), cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                // Nobody is there either: the first fault says what is wrong.
            }

            if (OwnOrNothing(found) is { } own)
                return own;
            throw;
        }
    }

    /// <summary>The same on the calling thread, which waits for as long as the system takes.</summary>
    /// <inheritdoc cref="ConnectAsync(bool, CancellationToken)" path="/exception"/>
    public Socket Connect(bool noDelay)
    {
        (Socket? socket, EndPoint? endPoint) = NewSocket(noDelay);
        try
        {
            return Connect(socket, endPoint);
        }
        catch (SocketException) when (Path is not null && OperatingSystem.IsLinux())
        {
            Socket? found = null;
            try
            {
                found = Connect(NewUnixSocket(), PathGuard.AddressOf(Path));
            }
            catch (SocketException)
            {
                // Nobody is there either: the first fault says what is wrong.
            }

            if (OwnOrNothing(found) is { } own)
                return own;
            throw;
        }
    }

    /// <summary>What is wrong with the path, in words, where the system has only a number for it; null when it tells by itself.</summary>
    public string? Explain()
    {
        if (Path is null)
            return null;
        if (Directory.Exists(Path))
            return "it is a directory, not a socket";
        for (string? directory = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path)); directory is not null;
            directory = System.IO.Path.GetDirectoryName(directory))
        {
            if (File.Exists(directory))
                return $"'{directory}' is a file, not a directory; choose another connection.path";
        }

        return null;
    }

    public override string ToString() => Path is not null ? $"'{Path}'" : string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");

    private (Socket Socket, EndPoint EndPoint) NewSocket(bool noDelay)
    {
        if (Path is not null)
        {
            // This user's own directory has a name that anybody can guess and make first.
            if (Path == BrokerPaths.DefaultSocket && Directory.Exists(BrokerPaths.DefaultDirectory))
                SocketDirectory.Check(BrokerPaths.DefaultDirectory);
            return (NewUnixSocket(), new UnixDomainSocketEndPoint(Path));
        }

        EndPoint endPoint = IPAddress.TryParse(Host, out IPAddress? address) ? new IPEndPoint(address, Port) : new DnsEndPoint(Host, Port);
        Socket socket = address is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp)
            : new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.NoDelay = noDelay;
        return (socket, endPoint);
    }

    private static Socket NewUnixSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private static async ValueTask<Socket> ConnectAsync(Socket socket, EndPoint endPoint, CancellationToken cancellationToken)
    {
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket Connect(Socket socket, EndPoint endPoint)
    {
        try
        {
            socket.Connect(endPoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>What was reached at a broker's guard, if this user's own process is there; else null, and it is closed.</summary>
    [SupportedOSPlatform("linux")]
    private static Socket? OwnOrNothing(Socket? socket)
    {
        if (socket is null || PathGuard.IsOwn(socket))
            return socket;
        socket.Dispose();
        return null;
    }

    private static string CheckedPath(string path)
    {
        try
        {
            _ = new UnixDomainSocketEndPoint(path);
            return path;
        }
        catch (ArgumentException e)
        {
            throw new LockConfigException("connection.path", $"connection.path '{path}' cannot be a Unix socket: {e.Message}");
        }
    }
}
