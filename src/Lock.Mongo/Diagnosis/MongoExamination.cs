using MongoDB.Bson;

namespace Locking;

/// <summary>Asks the server what there is to know about it and the collection. Reads only.</summary>
internal sealed class MongoExamination(MongoStoreSettings settings, IMongoMembers? all, TimeProvider time)
{
    private static readonly TimeSpan s_longestScan = TimeSpan.FromSeconds(1);

    /// <summary>Asks, and puts the answers into words.</summary>
    /// <exception cref="LockStoreException">The server did not answer, or refused the greeting.</exception>
    public async ValueTask<IReadOnlyList<StoreFinding>> RunAsync(MongoStep step)
    {
        DateTimeOffset asked = time.GetUtcNow();
        long start = time.GetTimestamp();
        BsonDocument hello = await step.AskAsync("admin", new BsonDocument("hello", 1)).ConfigureAwait(false);
        TimeSpan took = time.GetElapsedTime(start);
        MongoFaults.ThrowIfFailed(hello, "the greeting");
        MongoServerFacts server = MongoServerFacts.Parse(hello);

        var diagnosis = new MongoDiagnosis(settings);
        diagnosis.AddServer(server);
        diagnosis.AddConnection();
        if (all is not null)
            diagnosis.AddMembers(await all.GreetAllAsync(step.Token).ConfigureAwait(false));
        if (await AskAsync(MongoIndexFact.List(settings.Collection), step).ConfigureAwait(false) is { } indexes)
            diagnosis.AddIndexes(MongoIndexFact.Parse(indexes));
        if (await AskAsync(FindForeign(), step).ConfigureAwait(false) is { } foreign)
            diagnosis.AddForeign(MongoDocuments.Parse(foreign));
        if (server.LocalTime is { } there) diagnosis.AddClock(there - (asked + (took / 2)), took / 2);
        BsonDocument build = await step.AskAsync("admin", new BsonDocument("buildInfo", 1)).ConfigureAwait(false);
        diagnosis.AddNote("server", server.Describe(build.Text("version") is { Length: > 0 } version ? version : null));
        return diagnosis.Findings;
    }

    /// <summary>A question that need not be answered: the rights may be missing, the collection too, or the scan takes too long.</summary>
    private async ValueTask<BsonDocument?> AskAsync(BsonDocument command, MongoStep step)
    {
        BsonDocument reply = await step.AskAsync(settings.Database, command).ConfigureAwait(false);
        return MongoReply.Parse(reply).Ok ? reply : null;
    }

    /// <summary>A document that is no lock, wherever it is. Without one the whole collection is looked through, for a limited
    /// time.</summary>
    private BsonDocument FindForeign() => new()
    {
        { "find", settings.Collection },
        { "filter", MongoLockCommands.IsForeign },
        { "projection", new BsonDocument("_id", 1) },
        { "limit", 1 },
        { "singleBatch", true },
        { "maxTimeMS", (long)s_longestScan.TotalMilliseconds },
    };
}
