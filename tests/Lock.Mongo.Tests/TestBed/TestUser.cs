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
        await user.RunAsync(new BsonWriter().String("createUser", user.Name).String("pwd", user.Password)
            .Array("roles").Document("0").String("role", "readWriteAnyDatabase").String("db", "admin").End().Document("1").String("role", "clusterAdmin").String("db", "admin").End().End());
        return user;
    }

    public async ValueTask DisposeAsync() => await RunAsync(new BsonWriter().String("dropUser", Name));

    private async Task RunAsync(BsonWriter command)
    {
        using var client = new MongoClient(MongoUri.Parse(_server.Gateway.Uri));
        MongoReply.ThrowIfNotOk((await client.RunAsync("admin", command.ToDocument(), default)).Span);
    }
}
