using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking;

/// <summary>Runs the provider's commands through MongoDB's official driver, with all that the application has set up for it.</summary>
/// <remarks>
/// <code>
/// var provider = new MongoLockProvider(new MongoDriverCommandRunner(client));
/// </code>
/// The driver's own selection of a server and its pool apply. The provider's time limits apply as well: the shorter one wins.
/// </remarks>
public sealed class MongoDriverCommandRunner : IMongoCommandRunner
{
    private readonly IMongoClient _client;

    /// <summary>Creates a runner.</summary>
    /// <param name="client">The application's client; it stays the application's to dispose.</param>
    public MongoDriverCommandRunner(IMongoClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
    }

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> RunAsync(string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        try
        {
            using var document = new RawBsonDocument(command.ToArray());
            using RawBsonDocument reply = await _client.GetDatabase(database)
                .RunCommandAsync(new BsonDocumentCommand<RawBsonDocument>(document), ReadPreference.Primary, cancellationToken).ConfigureAwait(false);
            return Bytes(reply);
        }
        catch (MongoDB.Driver.MongoCommandException e) when (e.Result is not null)
        {
            // The driver throws for ok: 0 (also "not primary" and "recovering", which derive from this one) and for write concern
            // errors; to the provider a refusal is a reply.
            return e.Result.ToBson();
        }
        catch (MongoException e) when (e is MongoAuthenticationException or MongoConfigurationException)
        {
            throw new LockStoreException(e.Message, isTransient: false, e) { MayHaveBeenApplied = false };
        }
        catch (TimeoutException e) when (e.Message.Contains("selecting a server", StringComparison.Ordinal))
        {
            // The driver has no type of its own for this one. Its message names the servers and what is wrong with each.
            throw new LockStoreException(e.Message, isTransient: true, e) { MayHaveBeenApplied = false };
        }
        catch (Exception e) when (e is MongoException or TimeoutException or IOException)
        {
            throw new LockStoreException(e.Message, isTransient: true, e);
        }
    }

    private static byte[] Bytes(RawBsonDocument document)
    {
        var bytes = new byte[document.Slice.Length];
        document.Slice.GetBytes(0, bytes, 0, bytes.Length);
        return bytes;
    }
}
