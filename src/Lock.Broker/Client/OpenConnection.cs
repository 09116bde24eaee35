namespace Locking;

/// <summary>A connection that was welcomed, and the loop that reads it.</summary>
/// <remarks>A structure rather than a tuple or the reference itself: of asynchronous methods that return those the published command has
/// no compiled code at its start (decision 0044).</remarks>
internal readonly record struct OpenConnection(BrokerConnection Connection, Task Reading);
