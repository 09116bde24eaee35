using Locking.Conformance;
using Locking.Samples.FileStore;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Samples.Tests;

public class FileLockStoreConformanceTests : LockStoreConformance
{
    private readonly LockDirectory _locks = new();

    protected override ILockStore CreateStore() => new FileLockStore(_locks.Path, clock: Clock);

    protected override ILockStore CreateUnreachableStore(int closedPort) => new FileLockStore(_locks.Impossible());

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) => new FileLockStore(_locks.Silent(), limit);

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _locks.Dispose();
    }
}

/// <summary>The same on a clock that stands still.</summary>
public sealed class FileLockStoreConformanceOnFakeTimeTests : FileLockStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new();

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }
}
