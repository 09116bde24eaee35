using MongoDB.Bson;

namespace Locking;

/// <summary>All that the store needs of a client: run one command, give the reply. A seam of our own, for tests that interfere with single
/// commands.</summary>
internal interface IMongoCommandRunner
{
    /// <summary>Sends a command to the server that takes writes and waits for the reply.</summary>
    /// <remarks>A reply that says <c>ok: 0</c> is a reply: it is returned, not thrown. Nothing is repeated here: that is the step's
    /// (<see cref="MongoStep"/>).</remarks>
    /// <param name="database">Name of the database the command is for.</param>
    /// <param name="command">Its first field names the command; it is not changed, and may be shared.</param>
    /// <param name="cancellationToken">Stops waiting. What was sent may still be carried out.</param>
    /// <exception cref="LockStoreException">No reply came: not connected, refused, timed out, or not understood.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled; a <see
    /// cref="CommandCanceledException"/> says whether the command was sent by then.</exception>
    ValueTask<BsonDocument> RunAsync(string database, BsonDocument command, CancellationToken cancellationToken);
}

/// <summary>Given up by its sender.</summary>
internal sealed class CommandCanceledException(bool wasSent, CancellationToken token) : OperationCanceledException(token)
{
    /// <summary>The command was on its way by then, and may be carried out.</summary>
    public bool WasSent => wasSent;
}
