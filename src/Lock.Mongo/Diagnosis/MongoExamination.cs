namespace Locking;

/// <summary>Asks the server what there is to know about it and the collection. Reads only.</summary>
internal sealed class MongoExamination(IMongoCommandRunner runner, MongoStoreSettings settings, TimeProvider time)
{
    private static readonly TimeSpan LongestScan = TimeSpan.FromSeconds(1);

    /// <summary>Asks, and puts the answers into words.</summary>
    /// <exception cref="LockStoreException">The server did not answer, or refused the greeting.</exception>
    public async ValueTask<IReadOnlyList<StoreFinding>> RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset asked = time.GetUtcNow();
        long start = time.GetTimestamp();
        ReadOnlyMemory<byte> hello = await runner.RunAsync("admin", new BsonWriter().Int32("hello", 1).ToDocument(), cancellationToken).ConfigureAwait(false);
        TimeSpan took = time.GetElapsedTime(start);
        MongoFaults.ThrowIfFailed(hello.Span, "the greeting");
        MongoServerFacts server = MongoServerFacts.Parse(hello.Span);

        var diagnosis = new MongoDiagnosis(settings);
        diagnosis.AddServer(server);
        diagnosis.AddConnection();
        IReadOnlyList<MongoMember> members = runner is IMongoMembers all ? await all.GreetAllAsync(cancellationToken).ConfigureAwait(false) : [];
        diagnosis.AddMembers(members);
        if (await AskAsync(ListIndexes(), cancellationToken).ConfigureAwait(false) is { } indexes) diagnosis.AddIndexes(MongoIndexFact.Parse(indexes.Span));
        if (await AskAsync(FindForeign(), cancellationToken).ConfigureAwait(false) is { } foreign) diagnosis.AddForeign(MongoDocuments.Parse(foreign.Span));
        if (server.LocalTime is { } there) diagnosis.AddClock(there - (asked + (took / 2)), took / 2);
        ReadOnlyMemory<byte> build = await runner.RunAsync("admin", new BsonWriter().Int32("buildInfo", 1).ToDocument(), cancellationToken).ConfigureAwait(false);
        string? version = BsonReader.TryFind(build.Span, "version"u8, out BsonElement text) ? text.AsString() : null;
        diagnosis.AddNote("server", server.Describe(version));
        return diagnosis.Findings;
    }

    /// <summary>A question that need not be answered: the rights may be missing, the collection too, or the scan takes too long.</summary>
    private async ValueTask<ReadOnlyMemory<byte>?> AskAsync(ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> reply = await runner.RunAsync(settings.Database, command, cancellationToken).ConfigureAwait(false);
        // Not "reply : null": null becomes an empty memory there, by way of an array.
        return MongoReply.Parse(reply.Span).Ok ? reply : default(ReadOnlyMemory<byte>?);
    }

    private ReadOnlyMemory<byte> ListIndexes() =>
        new BsonWriter().String("listIndexes", settings.Collection).Document("cursor").Int32("batchSize", 1000).End().ToDocument();

    /// <summary>A document that is no lock, wherever it is. Without one the whole collection is looked through, for a limited time.</summary>
    private ReadOnlyMemory<byte> FindForeign() => new BsonWriter().String("find", settings.Collection)
        .Document("filter").Document("token").Document("$not").Int32("$gte", 0).End().End().End()
        .Document("projection").Int32("_id", 1).End().Int32("limit", 1).Boolean("singleBatch", true)
        .Int64("maxTimeMS", (long)LongestScan.TotalMilliseconds).ToDocument();
}
