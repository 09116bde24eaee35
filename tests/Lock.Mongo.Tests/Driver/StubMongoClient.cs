using MongoDB.Bson;
using MongoDB.Driver;
using MongoDB.Driver.Core.Connections;

namespace Locking;

/// <summary>Behaves as the official driver does where the adapter can see it: refusals are exceptions that carry the reply, and what fails on the way has types of its own.</summary>
internal sealed class StubMongoClient(MongoClient inner) : IMongoClient, IMongoDatabase
{
    private static readonly ConnectionId Connection = new();
    private string _database = "";

    /// <summary>What the next commands fail with, if anything.</summary>
    public Exception? Fails { get; set; }

    public IMongoDatabase GetDatabase(string name, MongoDatabaseSettings? settings = null) => new StubMongoClient(inner) { _database = name, Fails = Fails };

    public async Task<TResult> RunCommandAsync<TResult>(Command<TResult> command, ReadPreference? readPreference = null, CancellationToken cancellationToken = default)
    {
        Assert.Same(ReadPreference.Primary, readPreference);
        if (Fails is not null) throw Fails;
        var document = (RawBsonDocument)((BsonDocumentCommand<TResult>)command).Document;
        var bytes = new byte[document.Slice.Length];
        document.Slice.GetBytes(0, bytes, 0, bytes.Length);
        byte[] reply;
        try
        {
            reply = (await inner.RunAsync(_database, bytes, cancellationToken)).ToArray();
        }
        catch (LockStoreException e) when (!e.MayHaveBeenApplied)
        {
            throw new TimeoutException("A timeout occurred after 300ms selecting a server using WritableServerSelector.", e);
        }
        catch (LockStoreException e)
        {
            throw new MongoConnectionException(Connection, "An exception occurred while receiving a message from the server.", e);
        }

        MongoReply parsed = MongoReply.Parse(reply);
        BsonDocument result = BsonDocument.FromStub(reply);
        if (parsed.IsNotPrimary) throw new MongoNotPrimaryException(Connection, document, result);
        if (!parsed.Ok || BsonReader.TryFind(reply, "writeConcernError"u8, out _)) throw new MongoDB.Driver.MongoCommandException(Connection, parsed.Message, document, result);
        return (TResult)(object)new RawBsonDocument(reply);
    }

    public TResult RunCommand<TResult>(Command<TResult> command, ReadPreference? readPreference = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public TResult RunCommand<TResult>(IClientSessionHandle session, Command<TResult> command, ReadPreference? readPreference = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public Task<TResult> RunCommandAsync<TResult>(IClientSessionHandle session, Command<TResult> command, ReadPreference? readPreference = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public void Dispose() => inner.Dispose();
}
