using Npgsql;

namespace Locking;

/// <summary>Stores for tests, with limits that nothing but a hang reaches.</summary>
internal static class TestStore
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static PostgresLockStore Create(
        string connectionString, TimeProvider? time = null, Func<PostgresStoreSettings, PostgresStoreSettings>? change = null)
    {
        var settings = new PostgresStoreSettings { StepTimeout = Patience, Target = "the test server" };
        return new PostgresLockStore(NpgsqlDataSource.Create(connectionString), isOwned: true, change?.Invoke(settings) ?? settings,
            time ?? TimeProvider.System);
    }

    /// <summary>A store that looks for the primary among several servers, as a configuration with several hosts makes it.</summary>
    public static PostgresLockStore CreateOverHosts(params int[] ports)
    {
        var builder = new NpgsqlSlimDataSourceBuilder(
            $"Host={string.Join(',', ports.Select(static port => $"127.0.0.1:{port}"))};Username=postgres;Database=postgres;Host Recheck "
                + "Seconds=0");
        return new PostgresLockStore(
            builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary), isOwned: true,
            new PostgresStoreSettings { StepTimeout = Patience, Target = "the test servers" }, TimeProvider.System);
    }

    public static string NewId() => Guid.NewGuid().ToString();

    public static AcquireRequest Request(string key, string? id = null, TimeSpan? ttl = null) =>
        new(key, id ?? NewId(), "tests", ttl ?? TimeSpan.FromMinutes(2));

    public static async Task<long> TakeAsync(this ILockStore store, AcquireRequest request)
    {
        AcquireReply reply = await store.TryAcquireAsync(request, CancellationToken.None);
        Assert.True(reply.IsGranted);
        return reply.FencingToken!.Value;
    }
}
