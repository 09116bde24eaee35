using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking;

/// <summary>A user of the engine for one test.</summary>
internal sealed class TestUser : IAsyncDisposable
{
    private readonly MongoServer _server;

    private TestUser(MongoServer server) => _server = server;

    public string Name { get; } = "u" + Guid.NewGuid().ToString("N")[..12];

    public string Password { get; } = "Pass-word-1";

    public static async Task<TestUser> CreateAsync(MongoServer server)
    {
        var user = new TestUser(server);
        await user.RunAsync(new BsonDocument
        {
            { "createUser", user.Name }, { "pwd", user.Password },
            { "roles",
                new BsonArray { new BsonDocument { { "role", "readWriteAnyDatabase" }, { "db", "admin" } },
                new BsonDocument { { "role", "clusterAdmin" }, { "db", "admin" } } } },
        });
        return user;
    }

    public async ValueTask DisposeAsync() => await RunAsync(new BsonDocument("dropUser", Name));

    private async Task RunAsync(BsonDocument command)
    {
        using var client = new MongoClient(_server.Gateway.Uri);
        await client.GetDatabase("admin").RunCommandAsync<BsonDocument>(command);
    }
}
