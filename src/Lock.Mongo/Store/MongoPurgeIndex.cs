using MongoDB.Bson;

namespace Locking;

/// <summary>The TTL index that removes counters whose retention is over. Made before the first grant, once by each store; any number of
/// starters may race.</summary>
internal sealed class MongoPurgeIndex(MongoStoreSettings settings)
{
    public const string Name = "lock_purgeAt";

    private const int MostTries = 5;

    private volatile bool _made;

    /// <summary>Makes the index unless this store has made it or seen it.</summary>
    /// <remarks>Callers may run it at the same time: the command changes nothing when the index is there.</remarks>
    /// <param name="step">The step that needs it, which has sent nothing yet.</param>
    /// <exception cref="LockStoreException">It cannot be made: another index is in its way, the rights are missing, or the server did not
    /// answer.</exception>
    public ValueTask EnsureAsync(MongoStep step) => _made ? ValueTask.CompletedTask : MakeAsync(step);

    private async ValueTask MakeAsync(MongoStep step)
    {
        using MongoStep making = step.Within();
        try
        {
            _made = await making.RunAsync(MakeOnceAsync).ConfigureAwait(false);
        }
        catch (LockStoreException exception) when (exception.MayHaveBeenApplied)
        {
            // The index may be there, but the step that needed it has not begun.
            throw MongoFailure.Create(exception.Message, exception.IsTransient, mayHaveRun: false, exception);
        }
    }

    private async ValueTask<bool> MakeOnceAsync(MongoStep step)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await step.SendAsync(Create(), $"the index {Name} on {settings.Database}.{settings.Collection}").ConfigureAwait(false);
                return true;
            }
            catch (MongoRefusedException refusal)
                when (refusal.Code is MongoFaults.IndexOptionsConflict or MongoFaults.IndexKeySpecsConflict)
            {
                await CheckExistingAsync(refusal, step).ConfigureAwait(false);
                return true;
            }
            catch (MongoRefusedException) when (attempt < MostTries)
            {
                // Starters that create the collection at the same time get in each other's way once.
            }
        }
    }

    private async Task CheckExistingAsync(MongoRefusedException refusal, MongoStep step)
    {
        string what = $"listing the indexes of {settings.Database}.{settings.Collection}";
        (BsonDocument reply, _) = await step.SendAsync(MongoIndexFact.List(settings.Collection), what).ConfigureAwait(false);
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
