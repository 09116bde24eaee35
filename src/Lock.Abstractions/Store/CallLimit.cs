using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Locking.Providers;

/// <summary>The time limit of what a store asks its backend for: a token for its driver, which is cancelled when the time is up, or when
/// the caller gives up.</summary>
/// <remarks>
/// Kept by the engine's clock, on a thread of its own: the token is cancelled on time also while other work blocks the thread pool. Whether
/// the driver then ends its call depends on the driver.
/// </remarks>
public sealed class CallLimit : IDisposable
{
    private readonly AlarmClock _alarms;
    private readonly End _end;
    private readonly CancellationTokenRegistration _givenUp;

    /// <summary>Begins a limit.</summary>
    /// <param name="limit">How long the call may take; more than zero, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="time">The clock of the locks (<see cref="LockProviderContext.TimeProvider"/>).</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="OperationCanceledException">The caller has cancelled already.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is zero or negative.</exception>
    public CallLimit(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(time);
        OptionRules.PositiveOrInfinite(limit, nameof(limit));
        cancellationToken.ThrowIfCancellationRequested();
        _alarms = AlarmClock.For(SystemClock.InPlaceOf(time));
        _end = new End();
        if (limit != Timeout.InfiniteTimeSpan)
            _alarms.Set(_end, _alarms.Clock.TimestampIn(limit));
        _givenUp = cancellationToken.UnsafeRegister(static end => ((End)end!).Cancel(), _end);
    }

    /// <summary>Cancelled when the time is up or the caller gives up; never after the limit was disposed, unless it is being cancelled just
    /// then.</summary>
    public CancellationToken Token => _end.Token;

    /// <summary>The call is over.</summary>
    public void Dispose()
    {
        _alarms.Cancel(_end);
        _givenUp.Dispose();
    }

    /// <summary>The end of the time. What a driver does when it is cancelled may take a while: it is not done on the alarm clock's
    /// thread.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "The token source has nothing to free, and may be cancelled while the call ends.")]
    private sealed class End : Alarm, IThreadPoolWorkItem
    {
        private readonly CancellationTokenSource _source = new();

        public CancellationToken Token => _source.Token;

        public void Cancel() => _source.Cancel();

        internal override void Ring() => EngineThreads.Queue(this);

        void IThreadPoolWorkItem.Execute()
        {
            try
            {
                _source.Cancel();
            }
            catch (AggregateException exception)
            {
                Debug.WriteLine(exception); // what a driver throws then is nobody's answer
            }
        }
    }
}
