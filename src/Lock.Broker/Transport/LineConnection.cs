using System.Net.Sockets;

namespace Locking;

/// <summary>One connection that speaks lines. How it hears that something has come is the derived class's part.</summary>
internal abstract class LineConnection
{
    private int _cut;

    protected LineConnection(Socket socket, int longestLine, int unreadOutput, Action? beforeSend = null)
    {
        // Nothing here ever waits inside a call of the system.
        socket.Blocking = false;
        Socket = socket;
        LongestLine = longestLine;
        Input = new LineBuffer(longestLine);
        Output = new OutputQueue(socket, unreadOutput) { BeforeSend = beforeSend };
    }

    /// <summary>The outgoing side.</summary>
    public OutputQueue Output { get; }

    protected Socket Socket { get; }

    protected LineBuffer Input { get; }

    /// <summary>Whether this side has ended the connection.</summary>
    protected bool IsCut => Volatile.Read(ref _cut) != 0;

    private int LongestLine { get; }

    /// <summary>Handles one line, without its line end. Never throws for what stands in the line.</summary>
    protected abstract void OnLine(ReadOnlySpan<byte> line);

    /// <summary>Called once, when nothing more will be read.</summary>
    protected abstract void OnEnded(ConnectionEnd end, string why);

    /// <summary>Ends the connection from this side, at once; may be called by anybody.</summary>
    public void Cut()
    {
        if (Interlocked.Exchange(ref _cut, 1) != 0)
            return;
        Output.Close();
        try
        {
            Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was gone already; the reading side ends by itself.
        }
    }

    /// <summary>Handles what a receive has brought.</summary>
    /// <returns>False when the connection has ended, and has been closed.</returns>
    protected bool OnReceived(int bytes, SocketError error)
    {
        if (error != SocketError.Success)
            return End(ConnectionEnd.Broken, new SocketException((int)error).Message);
        if (bytes == 0)
        {
            // A last line without its end is dropped.
            return End(ConnectionEnd.Closed, "the other side closed it");
        }

        Input.Added(bytes);
        while (!IsCut && Input.TryTake(out ReadOnlySpan<byte> line))
        {
            if (line.Length > 0)
                OnLine(line);
        }

        if (IsCut)
            return End(ConnectionEnd.Broken, "");
        return !Input.IsTooLong || End(ConnectionEnd.Broken, $"a line was longer than {LongestLine} bytes");
    }

    /// <summary>Ends and closes the connection; called by whoever reads, once.</summary>
    /// <returns>False, always.</returns>
    protected bool End(ConnectionEnd end, string why)
    {
        if (IsCut)
            end = ConnectionEnd.Broken;
        try
        {
            OnEnded(end, why);

            // What was answered before may still be on its way: to one that is half-closed, or has sent a line that was too long.
            Output.Flush();
        }
        finally
        {
            Output.Close();
            Socket.Dispose();
            Input.Close();
        }

        return false;
    }
}
