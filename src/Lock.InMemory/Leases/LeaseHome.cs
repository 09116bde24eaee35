using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Locking;

/// <summary>What the leases of one <see cref="InMemoryLock"/> have in common: their table, their clock, and where they tell what becomes of
/// them.</summary>
internal sealed class LeaseHome
{
    private readonly bool _logs;

    /// <summary>Makes it.</summary>
    /// <param name="table">The table.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where they tell.</param>
    /// <param name="waiting">Who of them waits now.</param>
    /// <param name="holderOf">Which of them holds a key, in words; null when none does.</param>
    public LeaseHome(
        LockTable table, TimeProvider time, ILogger logger, Func<IEnumerable<ISelfWait>> waiting, Func<string, string?> holderOf)
    {
        Table = table;
        Time = time;
        Logger = logger;
        HolderOf = holderOf;
        _logs = logger is not NullLogger;
        Alarms = AlarmClock.For(time);
        SelfWaits = new SelfWaits(Alarms, logger, waiting, holderOf);
    }

    public LockTable Table { get; }

    public TimeProvider Time { get; }

    public long Now => Time.GetTimestamp();

    public AlarmClock Alarms { get; }

    public SelfWaits SelfWaits { get; }

    public ILogger Logger { get; }

    public bool LogsDebug => _logs && Logger.IsEnabled(LogLevel.Debug);

    /// <summary>Which of the leases holds a key, in words; null when none does.</summary>
    public Func<string, string?> HolderOf { get; }
}
