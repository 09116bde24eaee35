namespace Locking;

/// <summary>The TTL index that removes counters whose retention is over. Made before the first grant, once by each store; any number of starters may race.</summary>
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
    /// <exception cref="LockStoreException">It cannot be made: another index is in its way, the rights are missing, or the server did not answer.</exception>
    public ValueTask EnsureAsync(CancellationToken cancellationToken) => _made ? ValueTask.CompletedTask : MakeAsync(cancellationToken);

    private async ValueTask MakeAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; !_made; attempt++)
        {
            bool answered = false;
            try
            {
                ReadOnlyMemory<byte> reply = await runner.RunAsync(settings.Database, Create(), cancellationToken).ConfigureAwait(false);
                answered = true;
                await CheckAsync(reply, cancellationToken).ConfigureAwait(false);
                _made = true;
            }
            catch (MongoCommandException) when (attempt < MostTries)
            {
                // Starters that create the collection at the same time get in each other's way once.
            }
            catch (LockStoreException e) when (e.IsTransient && (answered || e.MayHaveBeenApplied) && attempt < MostTries)
            {
                // Making it again does no harm. What was never sent is not repeated: the client has looked for a server for as long as it may.
            }
            catch (LockStoreException e) when (e.MayHaveBeenApplied)
            {
                // The index may be there, but the step that needed it has not begun.
                throw MongoFailure.Create(e.Message, e.IsTransient, mayHaveRun: false, e);
            }
        }
    }

    private async Task CheckAsync(ReadOnlyMemory<byte> reply, CancellationToken cancellationToken)
    {
        MongoReply parsed = MongoReply.Parse(reply.Span);
        if (parsed.Code is IndexOptionsConflict or IndexKeySpecsConflict)
        {
            await CheckExistingAsync(parsed, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            if (parsed.Code == NamespaceExists) throw new MongoCommandException(parsed.Code, parsed.Message);
            MongoFaults.ThrowIfFailed(reply.Span, $"the index {Name} on {settings.Database}.{settings.Collection}");
        }
    }

    private async Task CheckExistingAsync(MongoReply refusal, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> command = new BsonWriter().String("listIndexes", settings.Collection).Document("cursor").Int32("batchSize", 1000).End().ToDocument();
        ReadOnlyMemory<byte> reply = await runner.RunAsync(settings.Database, command, cancellationToken).ConfigureAwait(false);
        MongoFaults.ThrowIfFailed(reply.Span, $"listing the indexes of {settings.Database}.{settings.Collection}");
        string found = Describe(reply.Span, out bool serves);
        // The right index under another name does as well.
        if (serves) return;
        throw new LockStoreException(
            $"The collection {settings.Database}.{settings.Collection} has {found}, but locks need the index {{ purgeAt: 1 }} with expireAfterSeconds 0 on it, which removes old token counters. "
            + $"Drop that index, or choose another connection.collection. MongoDB says: {refusal.Message} (code {refusal.Code}).",
            isTransient: false) { MayHaveBeenApplied = false };
    }

    private static string Describe(ReadOnlySpan<byte> reply, out bool serves)
    {
        serves = false;
        string found = "an index in the way";
        BsonReader.TryFind(reply, "cursor"u8, out BsonElement cursor);
        if (!BsonReader.TryFind(cursor.AsDocument(), "firstBatch"u8, out BsonElement batch)) return found;
        var indexes = new BsonReader(batch.AsDocument());
        while (indexes.Read())
        {
            ReadOnlySpan<byte> index = indexes.Current.AsDocument();
            string name = BsonReader.TryFind(index, "name"u8, out BsonElement n) ? n.AsString() : "";
            bool onPurgeAt = BsonReader.TryFind(index, "key"u8, out BsonElement key) && IsOnPurgeAt(key.AsDocument());
            if (name != Name && !onPurgeAt) continue;
            string expiry = BsonReader.TryFind(index, "expireAfterSeconds"u8, out BsonElement e) ? e.AsNumber().ToString(System.Globalization.CultureInfo.InvariantCulture) : "none";
            serves |= onPurgeAt && expiry == "0" && !BsonReader.TryFind(index, "partialFilterExpression"u8, out _);
            found = $"an index '{name}' {(onPurgeAt ? "on purgeAt" : "on other fields")} with expireAfterSeconds {expiry}";
        }

        return found;
    }

    private static bool IsOnPurgeAt(ReadOnlySpan<byte> key)
    {
        var fields = new BsonReader(key);
        return fields.Read() && fields.Current.Is("purgeAt"u8) && !fields.Read();
    }

    private ReadOnlyMemory<byte> Create() => new BsonWriter().String("createIndexes", settings.Collection)
        .Array("indexes").Document("0").Document("key").Int32("purgeAt", 1).End().String("name", Name).Int32("expireAfterSeconds", 0).End().End()
        .ToDocument();
}
