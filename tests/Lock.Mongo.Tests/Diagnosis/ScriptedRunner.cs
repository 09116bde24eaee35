using MongoDB.Bson;

namespace Locking;

/// <summary>Passes commands on, except those that the test answers itself.</summary>
internal sealed class ScriptedRunner(IMongoCommandRunner inner, Func<string, BsonDocument?> answer) : IMongoCommandRunner
{
    public ValueTask<BsonDocument> RunAsync(string database, BsonDocument command, CancellationToken cancellationToken) =>
        answer(command.GetElement(0).Name) is { } reply
            ? ValueTask.FromResult(reply) : inner.RunAsync(database, command, cancellationToken);
}
