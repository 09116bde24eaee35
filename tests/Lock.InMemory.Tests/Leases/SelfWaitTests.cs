using Locking.Conformance;
using Microsoft.Extensions.Logging;

namespace Locking.InMemory.Tests;

public sealed class SelfWaitTests
{
    [Fact]
    public async Task A_long_wait_for_a_lock_of_the_same_object_is_told_in_the_log_once()
    {
        var time = new TestClock();
        var logs = new Lines();
        using var table = new InMemoryLockTable(time);
        await using var locks = new InMemoryLock(context: new LockProviderContext(time, logs), table: table);
        await using var other = new InMemoryLock(context: new LockProviderContext(time, logs), table: table);
        ILockHandle held = await locks.LockAsync("k", new LockOptions { Owner = "tester" });
        ILockHandle elsewhere = await other.LockAsync("elsewhere");
        Task<ILockHandle>[] waits = new[] { locks.LockAsync("k").AsTask(), locks.LockAsync("elsewhere").AsTask() };
        await time.AdvanceUntilAsync(() => !logs.Told.IsEmpty, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), "the log line");
        Assert.Contains($"owner 'tester', id {held.Id}", Assert.Single(logs.Told), StringComparison.Ordinal);
        for (int i = 0; i < 12; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.SettleAsync();
        }

        Assert.Single(logs.Told);
        await held.DisposeAsync();
        await elsewhere.DisposeAsync();
        foreach (Task<ILockHandle>? wait in waits)
            await (await wait).DisposeAsync();
    }

    private sealed class Lines : ILoggerFactory, ILogger
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Told { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (formatter(state, exception) is var line && line.Contains("waits for itself", StringComparison.Ordinal))
                Told.Enqueue(line);
        }

        public void Dispose()
        {
        }
    }
}
