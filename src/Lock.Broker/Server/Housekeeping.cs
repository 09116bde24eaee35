using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>What a broker does by time.</summary>
internal sealed partial class Housekeeping(TimeProvider time, ILogger logger, Action<long> keepHouse) : IAsyncDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(200);

    private ITimer? _timer;
    private bool _isAtWork;
    private volatile bool _isOver;

    /// <summary>Begins.</summary>
    public void Begin() => _timer = time.CreateTimer(static s => ((Housekeeping)s!).Work(), this, s_period, s_period);

    /// <summary>Nothing more is begun.</summary>
    public void Stop() => _isOver = true;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Stop();
        return _timer?.DisposeAsync() ?? default;
    }

    /// <summary>Called by a timer, where a fault would end the process and with it every lease: it is told, and what is left is done next
    /// time.</summary>
    private void Work()
    {
        // A timer does not wait for the turn before it.
        if (_isOver || Interlocked.Exchange(ref _isAtWork, true))
            return;
        try
        {
            keepHouse(time.GetTimestamp());
        }
        catch (Exception e)
        {
            // Whatever it was: on a timer's thread it would end the process, and with it everybody's broker.
            TryLogFault(e);
        }
        finally
        {
            Volatile.Write(ref _isAtWork, false);
        }
    }

    private void TryLogFault(Exception exception)
    {
        try
        {
            LogFault(exception);
        }
        catch (Exception e)
        {
            // A log is somebody else's code.
            System.Diagnostics.Debug.WriteLine(e);
        }
    }

    [LoggerMessage(18, LogLevel.Error, "What the broker does by time has failed; it is tried again.")]
    private partial void LogFault(Exception exception);
}
