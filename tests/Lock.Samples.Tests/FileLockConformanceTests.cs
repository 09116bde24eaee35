using Locking.Conformance;
using Locking.Samples.FileStore;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Samples.Tests;

public class FileLockConformanceTests : LockConformance
{
    private readonly LockDirectory _locks = new();

    protected override ILock CreateLock(LockOptions? defaults, string? ns) => new StoreLock(
        new FileLockStore(_locks.Path, clock: Clock), defaults, ns, LockProviderContext.Default with { TimeProvider = Clock });

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _locks.Dispose();
    }
}

/// <summary>The same on a clock that stands still.</summary>
public sealed class FileLockConformanceOnFakeTimeTests : FileLockConformanceTests
{
    private readonly FakeTimeProvider _time = new();

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }
}
