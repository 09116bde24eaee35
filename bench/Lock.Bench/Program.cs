using Locking.Bench;
using Locking.Bench.Broker;
using Locking.Bench.Engine;
using Locking.Bench.Etcd;
using Locking.Bench.InMemory;
using Locking.Bench.Mongo;
using Locking.Bench.Postgres;
using Locking.Bench.Redis;

// One suite per backend; each is one entry here and one folder beside this file.
Dictionary<string, Func<IBenchSuite>> suites = new(StringComparer.OrdinalIgnoreCase)
{
    ["inmemory"] = static () => new InMemorySuite(),
    ["engine"] = static () => new EngineSuite(),
    ["broker"] = static () => new BrokerSuite(),
    ["etcd"] = static () => new EtcdSuite(),
    ["mongo"] = static () => new MongoSuite(),
    ["postgres"] = static () => new PostgresSuite(),
    ["redis"] = static () => new RedisSuite(),
};

if (args is [ChildParts.Marker, ..])
    return await ChildParts.RunAsync(args);

if (args is ["latency" or "curves", ..])
    return await PictureCommands.RunAsync(args);

int rounds = 51;
var report = new BenchReport();
string? json = null;
List<string> names = [];
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--rounds" && i + 1 < args.Length && int.TryParse(args[i + 1], out rounds) && rounds > 0)
        i++;
    else if (args[i] == "--json" && i + 1 < args.Length)
        json = args[++i];
    else if (args[i] == "--only" && i + 1 < args.Length)
        report.Only.UnionWith(args[++i].Split(','));
    else if (suites.ContainsKey(args[i]))
        names.Add(args[i]);
    else
        return Usage($"Unknown argument '{args[i]}'.");
}

if (names.Count == 0)
    return Usage("Which suite?");
foreach (string name in names)
    await suites[name]().RunAsync(report, rounds);
report.Print(Console.Out);
if (json is not null)
{
    await using StreamWriter file = File.CreateText(json);
    report.WriteJson(file, rounds);
}

return report.AllMet ? 0 : 1;

int Usage(string problem)
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(
        "Usage: dotnet run -c Release --project bench/Lock.Bench -- [--rounds N] [--only PART,...] [--json FILE] SUITE...   Suites: "
            + $"{string.Join(", ", suites.Keys)}.");
    Console.Error.WriteLine(
        $"--only measures less: of broker the parts {string.Join(", ", BrokerSuite.Parts)}; of redis and postgres the rows whose names "
            + "have that part. The other suites have none.");
    Console.Error.WriteLine("--json writes everything that was measured into a file, for programs.");
    Console.Error.WriteLine($"Or: {PictureCommands.Usage}");
    Console.Error.WriteLine("Ends with 0 when every bar is met, with 1 when one is not.");
    return 64;
}
