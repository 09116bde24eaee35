using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.InMemory.Tests;

public class InMemoryLockConformanceTests : LockConformance
{
    private readonly Lazy<InMemoryLockTable> _table;

    public InMemoryLockConformanceTests() => _table = new Lazy<InMemoryLockTable>(() => new InMemoryLockTable(Clock));

    protected LockProviderContext Context => LockProviderContext.Default with { TimeProvider = Clock };

    protected InMemoryLockTable Table => _table.Value;

    protected override ILock CreateLock(LockOptions? defaults, string? ns) => new InMemoryLock(defaults, ns, Context, Table);

    protected override TimeSpan DriftOf(TimeSpan ttl) => TimeSpan.Zero;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Table.Dispose();
    }
}

/// <summary>The same on a clock that stands still.</summary>
public sealed class InMemoryLockConformanceOnFakeTimeTests : InMemoryLockConformanceTests
{
    private readonly FakeTimeProvider _time = new();

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }
}

/// <summary>The same on a machine whose timers ring early and late.</summary>
public sealed class InMemoryLockConformanceOnCoarseTimersTests : InMemoryLockConformanceTests
{
    protected override TimeProvider Clock { get; } = new CoarseTimeProvider(TimeProvider.System, TimeSpan.FromMilliseconds(10));
}

/// <summary>The general engine over the store of the same table: both ways must be the same to their users.</summary>
public class EngineOverInMemoryStoreConformanceTests : InMemoryLockConformanceTests
{
    protected override ILock CreateLock(LockOptions? defaults, string? ns) =>
        new StoreLock(new InMemoryLockStore(Table), defaults, ns, Context);

    protected override TimeSpan DriftOf(TimeSpan ttl) => (ttl * 0.01) + TimeSpan.FromMilliseconds(2);
}

/// <summary>The same on a clock that stands still.</summary>
public sealed class EngineOverInMemoryStoreConformanceOnFakeTimeTests : EngineOverInMemoryStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new();

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }
}
