using System.Net.Sockets;

namespace Locking;

/// <summary>A connection that a <see cref="ServingThread"/> reads, together with all others of its broker.</summary>
internal abstract class ServedConnection : LineConnection
{
    private ServingThread _thread = null!;

    protected ServedConnection(Socket socket, int longestLine, int unreadOutput, Action? beforeSend)
        : base(socket, longestLine, unreadOutput, beforeSend)
    {
    }

    /// <summary>What the system knows the connection by.</summary>
    public Socket Handle => Socket;

    /// <summary>Its number at its thread.</summary>
    public long Number { get; private set; }

    /// <summary>Begins to be served.</summary>
    public void Join(ServingThread thread, long number)
    {
        _thread = thread;
        Number = number;
    }

    /// <summary>Reads once and handles what came. Only on the serving thread.</summary>
    public void Serve()
    {
        Take(
            this,
            static connection =>
            {
                int received = connection.Socket.Receive(connection.Input.Room().Span, SocketFlags.None, out SocketError error);
                return error == SocketError.WouldBlock || connection.OnReceived(received, error);
            },
            isReading: true);
    }

    /// <summary>Goes on where the last turn stopped. Only on the serving thread.</summary>
    public void GoOn() => Take(
        this,
        static connection =>
        {
            if (connection.HasMore)
                connection.OnMore();
            return true;
        },
        isReading: false);

    /// <summary>Ends the connection because its broker ends. Only on the serving thread.</summary>
    public void Close()
    {
        try
        {
            Cut();
            End(ConnectionEnd.Broken, "the broker ended");
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    /// <summary>Ends the connection after a fault, whatever else fails meanwhile: the thread serves all others too.</summary>
    /// <returns>False, always.</returns>
    public bool Fail(Exception exception)
    {
        try
        {
            Cut();
            End(ConnectionEnd.Broken, "the broker failed");
            OnFault(exception);
        }
        catch (Exception e)
        {
            // Telling of it has failed as well, or what it held could not be seen to: that stands until its TTL.
            System.Diagnostics.Debug.WriteLine(e);
        }

        return false;
    }

    /// <summary>Whether there is more to say, which was put off so that others have their turn.</summary>
    protected virtual bool HasMore => false;

    /// <summary>Says the next part of it.</summary>
    protected virtual void OnMore()
    {
    }

    /// <summary>Handling a line has failed in a way that it should not; the connection is ended.</summary>
    protected abstract void OnFault(Exception exception);

    /// <summary>One turn: what is said in it leaves in one write for each connection.</summary>
    private void Take<T>(T state, Func<T, bool> turn, bool isReading)
    {
        FlushScope.Open();
        bool goesOn;
        try
        {
            goesOn = turn(state);
        }
        catch (Exception e)
        {
            // Whatever it was: one connection must not end the others.
            goesOn = Fail(e);
        }

        FlushScope.Close();

        if (!goesOn)
        {
            _thread.Leave(this);
            return;
        }

        // Who does not read its answers is not read from either; what must be sent unasked counts against the limit.
        if (Output.IsSending)
            _thread.PauseUntil(this, Output.WhenDrainedAsync());
        else if (HasMore)
            _thread.PauseUntil(this, Task.CompletedTask);
        else if (isReading)
            Input.Release();
        else
            _thread.Resume(this);
    }
}
