using MongoDB.Bson;

namespace Locking;

/// <summary>The TTL index that removes counters whose retention is over. Made before the first grant, once by each store; any number of
/// starters may race.</summary>
internal sealed class MongoPurgeIndex(IMongoCommandRunner runner, MongoStoreSettings settings)
{
    public const string Name = "lock_purgeAt";

    private const int NamespaceExists = 48;
    private const int IndexOptionsConflict = 85;
    private const int IndexKeySpecsConflict = 86;
    private const int MostTries = 5;

    private volatile bool _made;

    /// <summary>Makes the index unless this store has made it or seen it.</summary>
    /// <remarks>Callers may run it at the same time: the command changes nothing when the index is there.</remarks>
    /// <exception cref="LockStoreException">It cannot be made: another index is in its way, the rights are missing, or the server did not
    /// answer.</exception>
    public ValueTask EnsureAsync(CancellationToken cancellationToken) => _made ? ValueTask.CompletedTask : MakeAsync(cancellationToken);

    private async ValueTask MakeAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; !_made; attempt++)
        {
            bool answered = false;
            try
            {
                BsonDocument reply = await runner.RunAsync(settings.Database, Create(), cancellationToken).ConfigureAwait(false);
                answered = true;
                await CheckAsync(reply, cancellationToken).ConfigureAwait(false);
                _made = true;
            }
            catch (CommandCanceledException exception)
            {
                // The step that needs it has not begun.
                throw new CommandCanceledException(wasSent: false, exception.CancellationToken);
            }
            catch (MongoRefusedException) when (attempt < MostTries)
            {
                // Starters that create the collection at the same time get in each other's way once.
            }
            catch (LockStoreException exception) when (exception.IsTransient && (answered || exception.MayHaveBeenApplied)
                && attempt < MostTries)
            {
                // Making it again does no harm. What was never sent is not repeated: the client has looked for a server for as long as it
                // may.
            }
            catch (LockStoreException exception) when (exception.MayHaveBeenApplied)
            {
                // The index may be there, but the step that needed it has not begun.
                throw MongoFailure.Create(exception.Message, exception.IsTransient, mayHaveRun: false, exception);
            }
        }
    }

    private async Task CheckAsync(BsonDocument reply, CancellationToken cancellationToken)
    {
        MongoReply parsed = MongoReply.Parse(reply);
        if (parsed.Code is IndexOptionsConflict or IndexKeySpecsConflict)
        {
            await CheckExistingAsync(parsed, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            if (parsed.Code == NamespaceExists) throw new MongoRefusedException(parsed.Code, parsed.Message, reply);
            MongoFaults.ThrowIfFailed(reply, $"the index {Name} on {settings.Database}.{settings.Collection}");
        }
    }

    private async Task CheckExistingAsync(MongoReply refusal, CancellationToken cancellationToken)
    {
        BsonDocument command = MongoIndexFact.List(settings.Collection);
        BsonDocument reply = await runner.RunAsync(settings.Database, command, cancellationToken).ConfigureAwait(false);
        MongoFaults.ThrowIfFailed(reply, $"listing the indexes of {settings.Database}.{settings.Collection}");
        IReadOnlyList<MongoIndexFact> indexes = MongoIndexFact.Parse(reply);
        // The right index under another name does as well.
        if (indexes.Any(index => index.IsPurgeIndex)) return;
        MongoIndexFact? inTheWay = indexes.LastOrDefault(index => index.Name == Name || index.IsOnPurgeAt);
        string found = inTheWay is null
            ? "an index in the way"
            : $"an index '{inTheWay.Name}' {(inTheWay.IsOnPurgeAt ? "on purgeAt" : "on other fields")} with expireAfterSeconds "
            + $"{inTheWay.ExpireAfter?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}";
        throw new LockStoreException(
            $"The collection {settings.Database}.{settings.Collection} has {found}, but locks need the index {{ purgeAt: 1 }} with "
                + "expireAfterSeconds 0 on it, which removes old token counters. "
            + $"Drop that index, or choose another connection.collection. MongoDB says: {refusal.Message} (code {refusal.Code}).",
            isTransient: false) { MayHaveBeenApplied = false };
    }

    private BsonDocument Create() => new()
    {
        { "createIndexes", settings.Collection },
        { "indexes",
            new BsonArray { new BsonDocument { { "key", new BsonDocument("purgeAt", 1) }, { "name", Name },
            { "expireAfterSeconds", 0 } } } },
    };
}
