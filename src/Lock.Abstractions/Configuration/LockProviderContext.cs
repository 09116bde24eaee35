using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Locking;

/// <summary>What locks and their providers use of their surroundings: clock and logs.</summary>
/// <remarks>A word of users, who give it to <c>Lock.Create(context: …)</c>: it stands with theirs, and not in the namespace of the
/// seam.</remarks>
/// <param name="TimeProvider">The only clock. In place of <see cref="System.TimeProvider.System"/> there is a clock of ours, which runs on
/// while the machine is suspended, and whose timers keep nothing of the caller that makes them.</param>
/// <param name="LoggerFactory">Where logs go.</param>
public sealed record LockProviderContext(TimeProvider TimeProvider, ILoggerFactory LoggerFactory)
{
    /// <summary>The only clock.</summary>
    public TimeProvider TimeProvider { get; init => field = SystemClock.InPlaceOf(value); } = SystemClock.InPlaceOf(TimeProvider);

    /// <summary>The system's clock, and no logs.</summary>
    public static LockProviderContext Default { get; } = new(TimeProvider.System, NullLoggerFactory.Instance);
}
