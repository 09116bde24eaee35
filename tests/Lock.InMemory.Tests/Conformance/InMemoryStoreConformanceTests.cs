using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests;

public class InMemoryStoreConformanceTests : LockStoreConformance
{
    private readonly Lazy<InMemoryLockTable> _table;

    public InMemoryStoreConformanceTests() => _table = new Lazy<InMemoryLockTable>(() => new InMemoryLockTable(Clock));

    protected override StoreAbilities Abilities { get; } = new()
    {
        IsFair = true,
        QueuesWaiters = true,
        SignalsLoss = true,
        ForcesRelease = true,
    };

    protected override ILockStore CreateStore() => new InMemoryLockStore(_table.Value);

    protected override ILockStore? CreateUnreachableStore(int closedPort) => null;

    protected override ILockStore? CreateSilentStore(int silentPort, TimeSpan limit) => null;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _table.Value.Dispose();
    }
}

/// <summary>The same on a clock that stands still.</summary>
public sealed class InMemoryStoreConformanceOnFakeTimeTests : InMemoryStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new();

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }
}

public sealed class InMemoryStoreModelTests : LockStoreModelConformance
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryLockTable _table;

    public InMemoryStoreModelTests() => _table = new InMemoryLockTable(_time);

    protected override TimeProvider Clock => _time;

    protected override StoreAbilities Abilities { get; } = new()
    {
        IsFair = true,
        QueuesWaiters = true,
        SignalsLoss = true,
        ForcesRelease = true,
    };

    protected override ILockStore CreateStore() => new InMemoryLockStore(_table);

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _table.Dispose();
    }
}
