using System.Net.Sockets;

namespace Locking;

/// <summary>A socket whose file somebody has removed: no client would find the broker, and none could start another one while it lives.</summary>
public sealed partial class BrokerServer
{
    /// <summary>Listens at the path again when the file there is gone. Those who are connected notice nothing.</summary>
    private void KeepSocket()
    {
        if (Options.Path is not { } path || File.Exists(path))
            return;
        try
        {
            // Without the lock file another broker may have begun there, which must not be disturbed.
            if (!File.Exists(path + ".lock"))
                return;
            lock (_gate)
            {
                if (_closing || File.Exists(path))
                    return;

                // The old one first: the runtime removes the file of a listener that ends.
                var before = _listeners.FindIndex(static listener => listener.AddressFamily == AddressFamily.Unix);
                if (before >= 0)
                {
                    _listeners[before].Dispose();
                    _listeners.RemoveAt(before);
                }

                Listen(new UnixDomainSocketEndPoint(path), path);
                _loops.Add(AcceptAsync(_listeners[^1]));
            }

            LogListensAgain(path);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            // Out of descriptors, or a disk without room: it is tried again.
            LogAcceptFailed(e);
        }
    }
}
