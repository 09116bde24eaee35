using System.Net.Sockets;

namespace Locking;

/// <summary>Tells which connections have something to read, or have ended.</summary>
internal abstract class Arrivals : IDisposable
{
    /// <summary>From now on told of this connection, by that number. Called by anybody.</summary>
    /// <returns>False when the system takes no more of them.</returns>
    public abstract bool TryAdd(long number, Socket socket);

    /// <summary>Not told of it until <see cref="Resume"/>. Called by whoever waits.</summary>
    public abstract void Pause(long number, Socket socket);

    /// <summary>Told of it again. Called by whoever waits.</summary>
    public abstract void Resume(long number, Socket socket);

    /// <summary>Waits until something has come, or <see cref="Wake"/> is called, and puts the numbers of the connections into the
    /// list.</summary>
    /// <param name="numbers">Emptied first.</param>
    /// <param name="sleep">Waits as long as it takes; otherwise only looks.</param>
    public abstract void Wait(List<long> numbers, bool sleep);

    /// <summary>Ends a wait. Called by anybody.</summary>
    public abstract void Wake();

    /// <inheritdoc/>
    public abstract void Dispose();
}
