using System.Globalization;
using Locking;
using MongoDB.Bson;
using MongoDB.Driver;

// The gateway of the tests as a server for other programs: prints its URI, and serves until its standard input ends.
//   --user              make a user, and serve nobody else
//   --replica-set NAME  be the only member of this set
//   --port N            listen there (default: a free port)
bool withUser = false;
string? set = null;
int port = 0;
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--user") withUser = true;
    else if (args[i] == "--replica-set" && i + 1 < args.Length) set = args[++i];
    else if (args[i] == "--port" && i + 1 < args.Length
        && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is >= 1 and <= 65535)
        i++;
    else return Usage(args[i]);
}

Npgsql.NpgsqlDataSource engine = await MongoEngine.StartAsync();
try
{
    string login = "";
    string user = "u" + Guid.NewGuid().ToString("N")[..12];
    string password = Guid.NewGuid().ToString();
    if (withUser)
    {
        await AdministerAsync(new BsonDocument
        {
            { "createUser", user }, { "pwd", password },
            { "roles",
                new BsonArray { new BsonDocument { { "role", "readWriteAnyDatabase" }, { "db", "admin" } },
                new BsonDocument { { "role", "clusterAdmin" }, { "db", "admin" } } } },
        });
        login = $"{user}:{password}@";
    }

    await using (MongoGateway gateway = MongoGateway.Start(engine, new GatewayOptions(withUser, set), port))
    {
        string options = string.Join('&',
            new[] { withUser ? "authSource=admin" : null, set is null ? null : $"replicaSet={set}" }.Where(option => option is not null));
        Console.WriteLine($"mongodb://{login}{gateway.Address}/{(options.Length > 0 ? "?" + options : "")}");
        while (Console.ReadLine() is not null)
        {
        }
    }

    if (withUser) await AdministerAsync(new BsonDocument("dropUser", user));
}
finally
{
    await MongoEngine.StopAsync();
}

return 0;

// Through a gateway that asks for no user.
async Task AdministerAsync(BsonDocument command)
{
    await using MongoGateway open = MongoGateway.Start(engine);
    using var client = new MongoClient(open.Uri);
    await client.GetDatabase("admin").RunCommandAsync<BsonDocument>(command);
}

static int Usage(string argument)
{
    Console.Error.WriteLine($"'{argument}' is not understood. Usage: [--user] [--replica-set NAME] [--port 1..65535]");
    return 64;
}
