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
        return new PostgresLockStore(NpgsqlDataSource.Create(connectionString), isOwned: true, change?.Invoke(settings) ?? settings, time ?? TimeProvider.System);
    }

    public static string NewId() => Guid.NewGuid().ToString();

    public static AcquireRequest Request(string key, string? id = null, TimeSpan? ttl = null) => new(key, id ?? NewId(), "tests", ttl ?? TimeSpan.FromMinutes(2));

    public static async Task<long> TakeAsync(this ILockStore store, AcquireRequest request)
    {
        AcquireReply reply = await store.TryAcquireAsync(request, CancellationToken.None);
        Assert.True(reply.IsGranted);
        return reply.FencingToken!.Value;
    }
}
