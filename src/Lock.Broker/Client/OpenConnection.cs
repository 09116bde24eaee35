namespace Locking;

/// <summary>A connection that was welcomed.</summary>
/// <remarks>A structure rather than the reference itself: of asynchronous methods that return references the published command has no
/// compiled code at its start (decision 0044).</remarks>
internal readonly record struct OpenConnection(BrokerConnection Connection);
