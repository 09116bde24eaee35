using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Xunit.Abstractions;

namespace Locking.Testing;

/// <summary>The last tests of every test process: no task ended with a fault that nobody looked at.</summary>
/// <remarks>Such a fault is told when the garbage collector finds its task, some time after the test that left it: so the whole run fails, with the fault's
/// stack. Compiled into every test project (Directory.Build.targets). A run with a filter that leaves it out does not look.</remarks>
[Collection(UnobservedFaultsLast.Name)]
public sealed class UnobservedFaults
{
    private static readonly ConcurrentQueue<Exception> s_seen = new();

    [Fact]
    public async Task A_fault_that_nobody_looks_at_is_seen()
    {
        LeaveOneBehind();
        await CollectAsync();
        Assert.Contains(s_seen, static fault => fault is LeftBehindException);
    }

    [Fact]
    public async Task No_task_ended_with_a_fault_that_nobody_looked_at()
    {
        await CollectAsync();
        List<Exception> faults = s_seen.Where(static fault => fault is not LeftBehindException && !IsOfAPeer(fault)).ToList();
        Assert.True(
            faults.Count == 0,
            $"{faults.Count} tasks ended with a fault that nobody looked at:\n{string.Join("\n\n", faults.Select(static fault => fault.ToString()).Distinct())}");
    }

#pragma warning disable CA2255 // Before the first test of the process, whichever that is.
    [ModuleInitializer]
    internal static void Listen() => TaskScheduler.UnobservedTaskException += static (_, told) =>
    {
        foreach (Exception fault in told.Exception.Flatten().InnerExceptions)
            s_seen.Enqueue(fault);
    };
#pragma warning restore CA2255

    /// <summary>Not inlined: the task must be nobody's when this has returned.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveOneBehind() => _ = Task.FromException(new LeftBehindException());

    private static async Task CollectAsync()
    {
        // What ends in the background behind the last test comes within the second round.
        for (int round = 0; round < 3; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
    }

    /// <summary>The libraries that ours is compared with leave some too, which are not ours to mend.</summary>
    private static bool IsOfAPeer(Exception fault) =>
        fault.StackTrace is { } stack && (stack.Contains("at Medallion.Threading.", StringComparison.Ordinal) || stack.Contains("at RedLockNet.", StringComparison.Ordinal));

    private sealed class LeftBehindException : Exception;
}

/// <summary>Runs behind all that runs in parallel, and behind the rest of what does not (<see cref="LastCollectionOrderer"/>).</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class UnobservedFaultsLast
{
    public const string Name = "Unobserved faults";
}

/// <summary>Puts that collection last and leaves the others as they are.</summary>
public sealed class LastCollectionOrderer : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(static collection => collection.DisplayName == UnobservedFaultsLast.Name);
}
