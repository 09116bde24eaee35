using Locking.Testing;

namespace Locking;

/// <summary>One server for a class of tests.</summary>
public sealed class EtcdFixture : IAsyncLifetime
{
    public EtcdServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await EtcdServer.StartAsync();

    public async Task DisposeAsync()
    {
        if (Server is not null)
            await Server.DisposeAsync();
    }

    public ILockStore NewStore(TimeProvider? clock = null) => StoreAt([Server.Url], clock: clock);

    public static ILockStore StoreAt(IEnumerable<string> members, TimeSpan? limit = null, TimeProvider? clock = null) =>
        new EtcdLockStore(SettingsAt(members, limit), clock ?? TimeProvider.System);

    internal static EtcdSettings SettingsAt(IEnumerable<string> members, TimeSpan? limit = null) => new()
    {
        Members = [.. members.Select(static member => new Uri(member))],
        ConnectTimeout = limit ?? TimeSpan.FromSeconds(10), CommandTimeout = limit ?? TimeSpan.FromSeconds(10),
    };
}
