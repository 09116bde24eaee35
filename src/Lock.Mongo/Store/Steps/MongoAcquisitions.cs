using System.Runtime.CompilerServices;
using MongoDB.Bson;

namespace Locking;

/// <summary>Takes locks: at once where nobody holds them, else by a place in the line.</summary>
internal sealed class MongoAcquisitions(MongoStoreSettings settings, MongoLockCommands commands, MongoLeases leases, CrowdedGrants crowded,
    TimeProvider time)
{
    private const int MostRepeats = 2;

    /// <summary>A race for a fresh key is over after one repeat; more mean that something else stands there.</summary>
    private const int SuspiciousDuplicates = 4;

    private const int MostDuplicates = 16;

    private readonly MongoPurgeIndex _index = new(settings);
    private readonly MongoObstacles _obstacles = new(settings, commands);

    /// <summary>Who of this process stands in a line, by its request, which is the same object for every attempt of a waiter; gone with
    /// it.</summary>
    private readonly ConditionalWeakTable<AcquireRequest, WaiterPace> _waiters = [];

    public async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, MongoStep step)
    {
        await _index.EnsureAsync(step).ConfigureAwait(false);
        if (!request.Queue)
            return await TakeAsync(request, step).ConfigureAwait(false);

        // The question of one who waits costs the server more than that of one who comes, who mostly finds nobody.
        bool waits = _waiters.TryGetValue(request, out WaiterPace? pace);
        if (waits && await AskAsync(request, pace!, step).ConfigureAwait(false) is { } answer)
            return answer;
        long askedAt = time.GetTimestamp();
        AcquireReply reply = await TakeAsync(request, step).ConfigureAwait(false);
        if (reply.IsGranted || waits)
            return reply;
        pace = new WaiterPace(time, time.GetElapsedTime(askedAt));
        _waiters.AddOrUpdate(request, pace);
        return await AskAsync(request, pace, step).ConfigureAwait(false) ?? reply;
    }

    /// <summary>Asks as one who waits.</summary>
    /// <returns>Null when there is no document to wait at: it was removed meanwhile, and nobody holds the lock.</returns>
    private async ValueTask<AcquireReply?> AskAsync(AcquireRequest request, WaiterPace pace, MongoStep step)
    {
        BsonDocument question = commands.Ask(request, MongoLeases.FirstOf(request.Ttl), pace.Asking());
        (BsonDocument reply, _) = await step.SendAsync(question, "the question for", request.Key).ConfigureAwait(false);
        if (MongoLockDocument.FromValue(reply) is not { } document)
            return null;
        if (!document.IsHeldBy(request.HolderId))
            return AcquireReply.Busy(document.Left, askAgainIn: document.Place < 0 ? null : pace.Next(document.Place));
        if (document.IsCrowded)
            crowded.Add(request.HolderId);
        MongoLockDocument? held =
            await leases.SetEndAsync(request.Key, request.HolderId, request.Ttl, document, step).ConfigureAwait(false);
        return MongoLockDocument.Answer(held, request.HolderId) == StoreReply.Done
            ? AcquireReply.Granted(held!.Token) : AcquireReply.Busy(null);
    }

    /// <summary>Takes the lock if nobody holds it.</summary>
    private async ValueTask<AcquireReply> TakeAsync(AcquireRequest request, MongoStep step)
    {
        TimeSpan first = MongoLeases.FirstOf(request.Ttl);
        BsonDocument command = commands.Acquire(request, first);
        for (int attempt = 0; attempt <= MostRepeats; attempt++)
        {
            MongoLockDocument document = await UpsertAsync(request.Key, command, step).ConfigureAwait(false);
            if (!document.IsHeldBy(request.HolderId)) return AcquireReply.Busy(document.Holder is null ? null : document.Left);
            // A grant of this moment has the whole lease before it. Another one is older: its answer never came, or its holder asks again.
            MongoLockDocument? held = MongoLeases.IsAsAsked(document.Left, first) && document.Left >= first
                ? await leases.SetEndAsync(request.Key, request.HolderId, request.Ttl, document, step).ConfigureAwait(false)
                : await leases.ExtendAsync(request.Key, request.HolderId, request.Ttl, step).ConfigureAwait(false);
            StoreReply reply = MongoLockDocument.Answer(held, request.HolderId);
            // The token of what was met last: the older grant may have ended since, and another one come from a late command with this id.
            if (reply == StoreReply.Done) return AcquireReply.Granted(held!.Token);
            if (reply == StoreReply.HeldByAnother) return AcquireReply.Busy(null);
        }

        // The older lease ended, was taken again by a late command with this id, ended again: not this caller's, and not to be waited for.
        return AcquireReply.Busy(null);
    }

    private async ValueTask<MongoLockDocument> UpsertAsync(string key, BsonDocument command, MongoStep step)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                (BsonDocument reply, _) = await step.SendAsync(command, "the acquisition of", key).ConfigureAwait(false);
                return MongoLockDocument.FromValue(reply)
                    ?? throw MongoFailure.Create($"MongoDB's reply to the acquisition of '{key}' has no document.", isTransient: true,
                        mayHaveRun: true);
            }
            catch (MongoRefusedException exception) when (exception.Code == MongoFaults.DuplicateKey)
            {
                // Mostly another contender has just made the document: it is there to be looked at now.
                _obstacles.ThrowIfNotOfKey(key, exception.Reply);
                if (attempt == SuspiciousDuplicates) await _obstacles.ThrowIfForeignAsync(key, step).ConfigureAwait(false);
                if (attempt < MostDuplicates) continue;
                await _obstacles.ThrowIfUniqueAsync(key, step).ConfigureAwait(false);
                throw MongoFailure.Create($"MongoDB reports a duplicate key for '{key}' again and again: {exception.Message}",
                    isTransient: true, mayHaveRun: false, exception);
            }
        }
    }
}
