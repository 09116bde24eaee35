using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Locking.Bench;

/// <summary>What figures depend on.</summary>
internal static class Machine
{
    private static readonly Type[] s_clients =
    [
        typeof(StackExchange.Redis.ConnectionMultiplexer), typeof(Medallion.Threading.Redis.RedisDistributedLock),
        typeof(RedLockNet.SERedis.RedLockFactory), typeof(Npgsql.NpgsqlConnection),
        typeof(Medallion.Threading.Postgres.PostgresDistributedLock), typeof(MongoDB.Driver.MongoClient),
    ];

    /// <summary>How data is written for programs.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Processors, runtime and the versions of clients, in a sentence.</summary>
    public static string Describe() =>
        $"{Environment.ProcessorCount} processors, .NET {Environment.Version}, "
            + string.Join(", ", s_clients.Select(static client => $"{client.Assembly.GetName().Name} {VersionOf(client)}")) + ".";

    /// <summary>The version of the package that a type is from.</summary>
    public static string VersionOf(Type type)
    {
        string? version =
            System.Reflection.CustomAttributeExtensions.GetCustomAttribute<System.Reflection.AssemblyInformationalVersionAttribute>(
                type.Assembly)?.InformationalVersion;
        return version?.Split('+')[0] ?? "?";
    }
}
