namespace Locking;

/// <summary>The gateway under MongoDB's own Node driver, so that our client and our gateway cannot agree on a mistake.</summary>
public sealed class OfficialDriverTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task Works_without_authentication() => await CheckAsync(server.Gateway.Uri);

    [Fact]
    public async Task Works_as_a_replica_set_of_one()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await CheckAsync(gateway.Uri + "?replicaSet=rs0");
    }

    [Fact]
    public async Task Works_with_authentication_and_refuses_a_wrong_password()
    {
        await using TestUser user = await TestUser.CreateAsync(server);
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(Authentication: true));
        await CheckAsync($"mongodb://{user.Name}:{user.Password}@{gateway.Address}/?authSource=admin");
        (int code, string output) = await RunAsync($"mongodb://{user.Name}:wrong@{gateway.Address}/?authSource=admin");
        Assert.NotEqual(0, code);
        Assert.Contains("Authentication failed", output, StringComparison.Ordinal);
    }

    private static async Task CheckAsync(string uri)
    {
        (int code, string output) = await RunAsync(uri);
        Assert.True(code == 0, output);
    }

    private static async Task<(int Code, string Output)> RunAsync(string uri)
    {
        string modules = Repository.In(".testbed", "node");
        Assert.True(Directory.Exists(Path.Combine(modules, "node_modules", "mongodb")),
            "MongoDB's Node driver is not installed: run eng/node-clients.sh");
        string script = Path.Combine(AppContext.BaseDirectory, "Gateway", "driver-check.cjs");
        (int code, string output, string error) = await Repository.RunAsync("node", script, modules, uri);
        return (code, output + error);
    }
}
