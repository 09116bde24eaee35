namespace Locking;

/// <summary>What stands on a connection, and is told what becomes of it.</summary>
internal interface IConnectionPart : IAsyncDisposable
{
    /// <summary>A connection to a server was lost or has come back.</summary>
    void OnInterrupted();

    /// <summary>The connection is about to end: what the server is to hear before is said now. Not for long, where it does not
    /// answer.</summary>
    Task LeaveAsync();
}
