namespace Locking;

/// <summary>All that the MongoDB provider needs of a client: run one command, give the reply.</summary>
/// <remarks>
/// The provider comes with a small client of its own. An application that already has MongoDB's official driver can hand it over
/// through this interface (package <c>Lock.Mongo.Driver</c>). Implementations are thread-safe.
/// </remarks>
public interface IMongoCommandRunner
{
    /// <summary>Sends a command to the server that takes writes (standalone, mongos, or the replica set's primary) and waits for the reply.</summary>
    /// <remarks>
    /// A reply that says <c>ok: 0</c> is a reply: it is returned, not thrown. Only what can be repeated without harm may be repeated by
    /// an implementation: a command that certainly did not run. Cancelling after the command was sent leaves its effect unknown.
    /// </remarks>
    /// <param name="database">Name of the database the command is for.</param>
    /// <param name="command">A BSON document whose first field names the command; without <c>$db</c>.</param>
    /// <param name="cancellationToken">Stops waiting. What was sent may still be carried out.</param>
    /// <returns>The reply, a BSON document. It stays valid: the memory is not used again.</returns>
    /// <exception cref="LockStoreException">No reply came: not connected, refused, timed out, or not understood.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<ReadOnlyMemory<byte>> RunAsync(string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken);
}
