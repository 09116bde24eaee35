using System.Globalization;
using Locking;
using MongoDB.Bson;
using MongoDB.Driver;

// Books orders under a lock, over the MongoDB client that the application has anyway: dotnet run -- mongodb://127.0.0.1:27017 shop 42
if (args is not [var uri, var databaseName, var order])
{
    Console.Error.WriteLine("Usage: URI DATABASE ORDER");
    return 64;
}

// The application's own: its pool, credentials and monitoring. It outlives the locks.
using var client = new MongoClient(uri);
IMongoDatabase database = client.GetDatabase(databaseName);
IMongoCollection<BsonDocument> orders = database.GetCollection<BsonDocument>("orders");

// Where to connect is the client's matter; how long a lock waits for the server is not.
await using ILock locks = Lock.Create(builder => builder.UseMongo(database, static mongo =>
{
    mongo.ConnectTimeout = TimeSpan.FromSeconds(30);
    mongo.CommandTimeout = TimeSpan.FromSeconds(30);
}));
await using ILockHandle handle = await locks.LockAsync($"orders/{order}");

// Who has been replaced as the holder meets a higher token than its own, and changes nothing.
FilterDefinition<BsonDocument> notNewer =
    Builders<BsonDocument>.Filter.Eq("_id", order) & !Builders<BsonDocument>.Filter.Gt("token", handle.FencingToken!.Value);
UpdateDefinition<BsonDocument> book = Builders<BsonDocument>.Update.Inc("bookings", 1).Set("token", handle.FencingToken.Value);
await orders.UpdateOneAsync(notNewer, book, new UpdateOptions { IsUpsert = true }, handle.LostToken);

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"booked {order} with token {handle.FencingToken}"));
return 0;
