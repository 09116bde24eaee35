// What the adapter in src/Lock.Mongo.Driver uses of MongoDB.Driver 3.x: signatures as its documentation has them, bodies as small as they can be.

using MongoDB.Bson;
using MongoDB.Bson.Serialization;
using MongoDB.Driver.Core.Connections;

namespace MongoDB.Driver.Core.Connections
{
    public sealed class ConnectionId
    {
    }
}

namespace MongoDB.Driver
{
    public class MongoDatabaseSettings
    {
    }

    public sealed class ReadPreference
    {
        private ReadPreference()
        {
        }

        public static ReadPreference Primary { get; } = new();
    }

    public interface IClientSessionHandle : IDisposable
    {
    }

    public abstract class Command<TResult>
    {
        public static implicit operator Command<TResult>(BsonDocument document) => document is null ? null : new BsonDocumentCommand<TResult>(document);

        public static implicit operator Command<TResult>(string json) => throw new NotSupportedException();
    }

    public sealed class BsonDocumentCommand<TResult> : Command<TResult>
    {
        public BsonDocumentCommand(BsonDocument document, IBsonSerializer<TResult> resultSerializer = null)
        {
            Document = document;
            ResultSerializer = resultSerializer;
        }

        public BsonDocument Document { get; }

        public IBsonSerializer<TResult> ResultSerializer { get; }
    }

    public interface IMongoDatabase
    {
        TResult RunCommand<TResult>(Command<TResult> command, ReadPreference readPreference = null, CancellationToken cancellationToken = default);

        TResult RunCommand<TResult>(IClientSessionHandle session, Command<TResult> command, ReadPreference readPreference = null, CancellationToken cancellationToken = default);

        Task<TResult> RunCommandAsync<TResult>(Command<TResult> command, ReadPreference readPreference = null, CancellationToken cancellationToken = default);

        Task<TResult> RunCommandAsync<TResult>(IClientSessionHandle session, Command<TResult> command, ReadPreference readPreference = null, CancellationToken cancellationToken = default);
    }

    public interface IMongoClient : IDisposable
    {
        IMongoDatabase GetDatabase(string name, MongoDatabaseSettings settings = null);
    }

    public class MongoException : Exception
    {
        public MongoException(string message)
            : base(message)
        {
        }

        public MongoException(string message, Exception innerException)
            : base(message, innerException)
        {
        }
    }

    public class MongoClientException(string message) : MongoException(message);

    public class MongoConfigurationException(string message) : MongoClientException(message);

    public class MongoServerException(ConnectionId connectionId, string message) : MongoException(message)
    {
        public ConnectionId ConnectionId => connectionId;
    }

    public class MongoExecutionTimeoutException(ConnectionId connectionId, string message) : MongoServerException(connectionId, message);

    public class MongoConnectionException : MongoException
    {
        public MongoConnectionException(ConnectionId connectionId, string message, Exception innerException)
            : base(message, innerException) => ConnectionId = connectionId;

        public ConnectionId ConnectionId { get; }
    }

    public class MongoAuthenticationException(ConnectionId connectionId, string message, Exception innerException) : MongoConnectionException(connectionId, message, innerException);

    public class MongoCommandException(ConnectionId connectionId, string message, BsonDocument command, BsonDocument result) : MongoServerException(connectionId, message)
    {
        public BsonDocument Command => command;

        public BsonDocument Result => result;
    }

    public class MongoNotPrimaryException(ConnectionId connectionId, BsonDocument command, BsonDocument result)
        : MongoCommandException(connectionId, "Server returned not primary error.", command, result);
}
