using MongoDB.Bson;

namespace Locking;

/// <summary>Ends leases: a holder's by its id, whoever's by force. Each tells what it did also where an answer was lost.</summary>
internal sealed class MongoReleases(MongoLockCommands commands, MongoLookUps lookUps, CrowdedGrants crowded)
{
    private const int MostLooks = 3;

    public async ValueTask<StoreReply> ReleaseAsync(string key, string holderId, MongoStep step)
    {
        bool repeated = false;
        if (!crowded.Take(holderId))
        {
            (BsonDocument alone, repeated) =
                await step.SendAsync(commands.Release(key, holderId), "the release of", key).ConfigureAwait(false);
            if (alone.Long("nModified") > 0)
                return StoreReply.Done;
        }

        // Somebody waits, or it is not held: this command ends the lease in the one case, and in both it shows what stood there.
        (BsonDocument reply, bool again) =
            await step.SendAsync(commands.GiveOn(key, holderId), "the release of", key).ConfigureAwait(false);
        repeated |= again;
        MongoLockDocument? document = MongoLockDocument.FromValue(reply);
        if (document is not null && document.IsHeldBy(holderId))
            return StoreReply.Done;

        // The first try worked, only its answer was lost.
        if (repeated && document is { IsReleased: true } && document.Holder == holderId) return StoreReply.Done;
        // It may have worked also where the next holder, or nobody, is met: the lease need not have been lost before. Only one that ran out
        // here was not released.
        bool ranOut = document is { IsReleased: false, IsLive: false } && document.Holder == holderId;
        if (repeated && !ranOut)
            throw MongoFailure.Create($"The answer to the release of '{key}' was lost, and what stands there now does not tell whether it "
                + "was done.", isTransient: true, mayHaveRun: true);
        return MongoLockDocument.Answer(document, holderId);
    }

    /// <summary>Looks who holds the lock, and takes it from that grant.</summary>
    /// <returns>False when nobody holds it, or nobody for long.</returns>
    public async ValueTask<bool> ForceReleaseAsync(string key, MongoStep step)
    {
        for (int look = 0; look < MostLooks; look++)
        {
            MongoLockDocument? seen = await lookUps.ReadAsync(key, step).ConfigureAwait(false);
            if (seen is not { IsLive: true }) return false;
            (BsonDocument reply, bool repeated) =
                await step.SendAsync(commands.ForceRelease(key, seen.Token), "the forced release of", key).ConfigureAwait(false);
            // Repeated: the grant that was seen is over, by the first try or by itself.
            if (repeated || (MongoLockDocument.FromValue(reply) is { IsLive: true } before && before.Token == seen.Token)) return true;
        }

        // It went from hand to hand faster than it could be looked at: nobody holds it for long.
        return false;
    }
}
