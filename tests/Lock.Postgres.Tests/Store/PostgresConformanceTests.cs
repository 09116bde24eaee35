using Locking.Conformance;

namespace Locking;

/// <summary>The guarantees that every store keeps, on one table that all instances share.</summary>
public class PostgresConformanceTests(SharedServer shared) : LockStoreConformance, IClassFixture<SharedServer>
{
    protected override StoreAbilities Abilities => new() { SignalsRelease = true };

    internal PostgresServer Server => shared.Server;

    protected virtual string ConnectionString => Server.ConnectionString;

    protected override ILockStore CreateStore() => CreateStore(TimeProvider.System);

    protected override ILockStore CreateStore(TimeProvider processClock) => TestStore.Create(ConnectionString, processClock);

    protected override ILockStore CreateUnreachableStore(int closedPort) =>
        TestStore.Create($"Host=127.0.0.1;Port={closedPort};Username=nobody;Database=none");

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) =>
        TestStore.Create($"Host=127.0.0.1;Port={silentPort};Username=nobody;Database=none;Timeout=0",
            change: settings => settings with { StepTimeout = limit });
}

/// <summary>The same where every transaction is serializable unless it says otherwise, as some roles have it.</summary>
public sealed class PostgresSerializableConformanceTests(SharedServer shared) : PostgresConformanceTests(shared)
{
    protected override string ConnectionString => base.ConnectionString + ";Options=-c default_transaction_isolation=serializable";
}

/// <summary>The same on a clock of the database that stands still until a test advances it.</summary>
public sealed class PostgresConformanceOnFakeTimeTests(SharedServer shared) : PostgresConformanceTests(shared)
{
    private ServerClock _clock = null!;

    protected override TimeProvider Clock => _clock.Time;

    protected override string ConnectionString => _clock.ConnectionString;

    protected override Task AdvanceAsync(TimeSpan by) => _clock.AdvanceAsync(by);

    protected override ILockStore CreateStore() => CreateStore(_clock.Time);

    public override async Task InitializeAsync()
    {
        _clock = await ServerClock.StartAsync(Server);
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _clock.StopAsync();
    }
}

/// <summary>Random steps are answered as a dictionary would.</summary>
public class PostgresModelTests(SharedServer shared) : LockStoreModelConformance, IClassFixture<SharedServer>
{
    protected override StoreAbilities Abilities => new() { SignalsRelease = true };

    internal PostgresServer Server => shared.Server;

    protected override ILockStore CreateStore() => TestStore.Create(Server.ConnectionString);
}

/// <summary>The same on a clock of the database that stands still until the test advances it.</summary>
public sealed class PostgresModelOnFakeTimeTests(SharedServer shared) : PostgresModelTests(shared)
{
    private ServerClock _clock = null!;

    protected override int Runs => 60;

    protected override TimeProvider Clock => _clock.Time;

    protected override Task AdvanceAsync(TimeSpan by) => _clock.AdvanceAsync(by);

    protected override ILockStore CreateStore() => TestStore.Create(_clock.ConnectionString, _clock.Time);

    public override async Task InitializeAsync()
    {
        _clock = await ServerClock.StartAsync(Server);
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _clock.StopAsync();
    }
}

/// <summary>The guarantees of locks, through the engine.</summary>
public class PostgresLockConformanceTests(SharedServer shared) : LockConformance, IClassFixture<SharedServer>
{
    internal PostgresServer Server => shared.Server;

    protected override ILock CreateLock(LockOptions? defaults, string? ns) =>
        new StoreLock(TestStore.Create(Server.ConnectionString), defaults, ns);
}
