using MongoDB.Bson;

namespace Locking;

/// <summary>The ends of leases that are held: further away by one command, nearer or to never by a second one, which does nothing once the
/// lease has changed (<see cref="MongoLockCommands"/>).</summary>
internal sealed class MongoLeases(MongoLockCommands commands)
{
    /// <summary>A lock without expiry starts with a lease of this length and loses its end in a second command: a first command that
    /// arrives late, when nobody wants it any more, then leaves nothing that stays.</summary>
    private static readonly TimeSpan s_firstLease = TimeSpan.FromSeconds(30);

    /// <summary>The server counts whole ones, rounded up.</summary>
    private static readonly TimeSpan s_oneMillisecond = TimeSpan.FromMilliseconds(1);

    private const int MostChanges = 3;

    /// <summary>What the first command asks for.</summary>
    public static TimeSpan FirstOf(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? s_firstLease : ttl;

    /// <summary>The lease lasts as long as it was asked for, and no longer.</summary>
    public static bool IsAsAsked(TimeSpan left, TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? left == ttl : left != Timeout.InfiniteTimeSpan && left < ttl + s_oneMillisecond;

    /// <summary>Lets the holder's lease last so long from now.</summary>
    /// <returns>The document as it is then, or null when there is none.</returns>
    public async ValueTask<MongoLockDocument?> ExtendAsync(string key, string holderId, TimeSpan ttl, MongoStep step)
    {
        (BsonDocument reply, _) =
            await step.SendAsync(commands.Extend(key, holderId, FirstOf(ttl)), "the extension of", key).ConfigureAwait(false);
        MongoLockDocument? document = MongoLockDocument.FromValue(reply);
        return document is not null && document.IsHeldBy(holderId)
            ? await SetEndAsync(key, holderId, ttl, document, step).ConfigureAwait(false) : document;
    }

    /// <summary>The first command leaves a lease that lasts at least as long as asked for, or has an end where none was asked for. This
    /// makes it exact, where it must.</summary>
    /// <param name="key">The key.</param>
    /// <param name="holderId">Who holds it.</param>
    /// <param name="ttl">What was asked for.</param>
    /// <param name="document">What the first command has left.</param>
    /// <param name="step">The step.</param>
    /// <returns>The document as it is then, or null when there is none.</returns>
    public async ValueTask<MongoLockDocument?> SetEndAsync(string key, string holderId, TimeSpan ttl, MongoLockDocument document,
        MongoStep step)
    {
        for (int attempt = 0; !IsAsAsked(document.Left, ttl); attempt++)
        {
            if (attempt == MostChanges)
                throw MongoFailure.Create($"The lease of '{key}' changes again and again: several processes extend it with the same id.",
                    isTransient: true, mayHaveRun: true);
            step.Changed();
            (BsonDocument reply, _) =
                await step.SendAsync(commands.SetEnd(key, ttl, document), "the extension of", key).ConfigureAwait(false);
            MongoLockDocument? after = MongoLockDocument.FromValue(reply);
            if (after is null || !after.IsHeldBy(holderId)) return after;
            // Perhaps not as asked: the lease has changed in between, by a command that came late or from another process with the same id.
            document = after;
        }

        return document;
    }
}
