using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Where a broker is found: its socket's place and guard, its port, and those who come in.</summary>
/// <remarks>
/// One broker per path: whoever holds the guard and the lock file is it, and only it may remove a socket that a dead one left behind. What
/// somebody removes while it lives is made anew; the guard has no file that could be removed.
/// </remarks>
internal sealed partial class BrokerListener(BrokerServerOptions options, TimeProvider time, ILogger logger, Action<Socket> admit)
    : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _loops = [];
    private readonly CancellationTokenSource _stopping = new();
    private Socket? _guard;
    private FileStream? _lockFile;
    private (ulong Device, ulong Number)? _socketFile;
    private bool _isStopping;
    private bool _hasToldOfFailure;

    /// <summary>Whether the path is guarded by a socket without a file; for tests of what other systems use.</summary>
    public bool UsesGuard { get; init; } = OperatingSystem.IsLinux();

    /// <summary>Whether somebody else has the guard's name, so that the files alone tell whose the path is.</summary>
    public bool IsPassedOver { get; private set; }

    /// <summary>Whether nothing tells of a broker that may live: the directory had to be made, and there is no guard.</summary>
    public bool IsBlind { get; private set; }

    /// <summary>The TCP port, or 0.</summary>
    public int Port { get; private set; }

    /// <summary>Takes the socket's path.</summary>
    /// <returns>False when another broker serves it.</returns>
    public bool TryTakePath(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        bool isNew = !Directory.Exists(directory);
        SocketDirectory.Prepare(directory);
        if (Directory.Exists(path))
            throw new IOException($"'{path}' is a directory, not a socket.");
        if (new FileInfo(path) is { Exists: true, Length: > 0 })
            throw new IOException($"'{path}' is a file, not a socket; it is not replaced.");
        if (UsesGuard && OperatingSystem.IsLinux())
        {
            GuardTaking taking = PathGuard.TryTake(path, out _guard);
            if (taking == GuardTaking.Another)
                return false;
            IsPassedOver = taking == GuardTaking.PassedOver;
            if (IsPassedOver)
                LogPassedOver(path);
        }

        try
        {
            _lockFile = FileLock.Take(path + ".lock");
        }
        catch (IOException e) when (FileLock.IsTaken(e))
        {
            return false;
        }

        File.Delete(path);
        IsBlind = isNew && _guard is null;
        return true;
    }

    /// <summary>Listens by TCP. Nobody is let in yet.</summary>
    public void ListenTcp(string host)
    {
        IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? address) ? [address] : Dns.GetHostAddresses(host);
        foreach (IPAddress one in addresses)
        {
            Socket listener = Listen(new IPEndPoint(one, Port == 0 ? options.Port : Port), null);
            Port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        }
    }

    /// <summary>Listens at the path. Nobody is let in yet.</summary>
    public void ListenAtPath(string path) => Listen(new UnixDomainSocketEndPoint(path), path);

    /// <summary>Lets in who comes.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            foreach (Socket listener in _listeners)
                _loops.Add(AcceptAsync(listener, admit));
            if (_guard is { } guard)
                _loops.Add(AcceptAsync(guard, AdmitOwn));
        }
    }

    /// <summary>Makes anew what somebody has removed or put in the place of the socket. Those who are connected notice nothing.</summary>
    /// <returns>False when another broker has begun there, to which the place must be left.</returns>
    public bool Keep()
    {
        if (options.Path is not { } path || IsThere(path))
            return true;
        try
        {
            lock (_gate)
            {
                if (_isStopping)
                    return true;
                MakeAnewUnsynchronized(path);
            }

            LogListensAgain(path);
            _hasToldOfFailure = false;
        }
        catch (IOException e) when (FileLock.IsTaken(e))
        {
            return false;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or LockStoreException)
        {
            // Out of descriptors, a disk without room, a directory of somebody else's: it is tried again.
            if (!_hasToldOfFailure)
                LogCannotListenAgain(e, path);
            _hasToldOfFailure = true;
        }

        return true;
    }

    private void MakeAnewUnsynchronized(string path)
    {
        SocketDirectory.Prepare(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (!HasLockFile(path))
        {
            FileStream next = FileLock.Take(path + ".lock");
            _lockFile?.Dispose();
            _lockFile = next;
        }

        // The old one first: the runtime removes the file of a listener that ends.
        int before = _listeners.FindIndex(static listener => listener.AddressFamily == AddressFamily.Unix);
        if (before >= 0)
        {
            _listeners[before].Dispose();
            _listeners.RemoveAt(before);
        }

        File.Delete(path);
        _loops.Add(AcceptAsync(Listen(new UnixDomainSocketEndPoint(path), path), admit));
    }

    /// <summary>Lets nobody in any more. The place stays this broker's.</summary>
    public Task StopAcceptingAsync() => _stopping.CancelAsync();

    /// <summary>Gives the place up. Last of all: from here on another broker may begin.</summary>
    public async ValueTask DisposeAsync()
    {
        Close();
        await Task.WhenAll(_loops).ConfigureAwait(false);
        _stopping.Dispose();
    }

    /// <summary>Closes what listens, because the broker could not begin.</summary>
    public void GiveUp()
    {
        Close();
        Port = 0;
    }

    /// <summary>Closes what listens.</summary>
    private void Close()
    {
        lock (_gate)
        {
            _isStopping = true;
            RemoveSocket();
            foreach (Socket listener in _listeners)
                listener.Dispose();
            _listeners.Clear();
            _lockFile?.Dispose();
            _lockFile = null;
            _guard?.Dispose();
            _guard = null;
        }
    }

    private bool IsThere(string path) => File.Exists(path) && UnixFiles.IdentityOf(path) == _socketFile && HasLockFile(path);

    private bool HasLockFile(string path) =>
        _lockFile is { } file
        && (OperatingSystem.IsWindows() || UnixFiles.IdentityOf(path + ".lock") == UnixFiles.IdentityOf(file.SafeFileHandle));

    private Socket Listen(EndPoint endPoint, string? path)
    {
        var listener = new Socket(endPoint.AddressFamily, SocketType.Stream, path is null ? ProtocolType.Tcp : ProtocolType.Unspecified);
        _listeners.Add(listener);
        listener.Bind(endPoint);
        if (path is not null)
        {
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            _socketFile = UnixFiles.IdentityOf(path);
        }

        listener.Listen(1024);
        return listener;
    }

    /// <summary>A directory that is gone must not keep the broker from its end, and another one's socket stays.</summary>
    private void RemoveSocket()
    {
        try
        {
            if (_lockFile is not null && options.Path is { } path && UnixFiles.IdentityOf(path) == _socketFile)
                File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is gone with its directory, or the next broker removes it.
        }
    }

    private void AdmitOwn(Socket socket)
    {
        // The file's mode lets in this user alone; here it is asked.
        if (OperatingSystem.IsLinux() && PathGuard.IsOwn(socket))
            admit(socket);
        else
            socket.Dispose();
    }

    private async Task AcceptAsync(Socket listener, Action<Socket> take)
    {
        bool hasFailed = false;
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
            {
                // Another listener has taken its place.
                return;
            }
            catch (SocketException e)
            {
                // Out of file descriptors, or a client that was gone before it was taken: the others must still come in.
                if (!hasFailed)
                    LogAcceptFailed(e);
                hasFailed = true;
                await Task.Delay(TimeSpan.FromMilliseconds(20), time, CancellationToken.None).ConfigureAwait(false);
                continue;
            }

            hasFailed = false;
            Take(socket, take);
        }
    }

    private void Take(Socket socket, Action<Socket> take)
    {
        try
        {
            take(socket);
        }
        catch (Exception e)
        {
            // It may have broken before it was taken. Whatever it was: the others must still come in.
            LogAcceptFailed(e);
            socket.Dispose();
        }
    }

    [LoggerMessage(3, LogLevel.Warning, "A connection could not be accepted.")]
    private partial void LogAcceptFailed(Exception exception);

    [LoggerMessage(11, LogLevel.Warning, "The files of the socket '{Path}' were removed; the broker listens there again.")]
    private partial void LogListensAgain(string path);

    [LoggerMessage(15, LogLevel.Error, "The files of the socket '{Path}' were removed, and cannot be made again yet.")]
    private partial void LogCannotListenAgain(Exception exception, string path);

    [LoggerMessage(16, LogLevel.Warning, "Another user's process has the name by which the broker at '{Path}' is guarded: only its files "
        + "tell that it lives.")]
    private partial void LogPassedOver(string path);
}
