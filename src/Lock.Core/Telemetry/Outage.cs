using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Tells the log of a backend that fails: one line when it begins, one when it is over, with counts. Everything in between is of
/// level Debug.</summary>
/// <remarks>
/// It is over when the backend has answered and nothing has failed for a while: of two requests that cross, one may fail and the other not.
/// The lines are written on the thread pool, since a log is other people's code.
/// </remarks>
internal sealed class Outage(string backend, AlarmClock alarms, ILogger log) : Alarm
{
    /// <summary>So long after the last failure an answer counts as the end.</summary>
    internal static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    /// <summary>So many lost leases of one outage are told one by one, as warnings.</summary>
    internal const int ToldLosses = 10;

    private readonly Lock _gate = new();
    private volatile bool _isOn;
    private bool _hasAnswered;
    private long _beganAt;
    private long _lastFailure;
    private int _failures;
    private int _losses;

    /// <summary>Whether requests fail at the moment.</summary>
    public bool IsOn => _isOn;

    /// <summary>A request failed, or was not answered.</summary>
    public void Failed(string step, string key, string id, string error)
    {
        bool begins;
        lock (_gate)
        {
            begins = !_isOn;
            long now = alarms.Clock.Now;
            if (begins)
            {
                _isOn = true;
                _beganAt = now;
                _failures = _losses = 0;
            }

            _failures++;
            _lastFailure = now;
            _hasAnswered = false;
        }

        if (begins || log.IsEnabled(LogLevel.Debug))
        {
            Write(log, (Begins: begins, Type: backend, Step: step, Key: key, Id: id, Error: error), static (logger, s) =>
            {
                if (s.Begins)
                    Log.OutageBegins(logger, s.Type, s.Step, s.Key, s.Id, s.Error);
                else
                    Log.StoreFailed(logger, s.Type, s.Step, s.Key, s.Id, s.Error);
            });
        }
    }

    /// <summary>A lease was lost.</summary>
    /// <returns>Whether it is to be told by itself.</returns>
    public bool TellsLoss()
    {
        if (!_isOn)
            return true;
        lock (_gate)
            return !_isOn || ++_losses <= ToldLosses;
    }

    /// <summary>The backend has answered somebody.</summary>
    public void Answered()
    {
        if (!_isOn)
            return;
        lock (_gate)
        {
            if (!_isOn || _hasAnswered)
                return;
            _hasAnswered = true;
            alarms.Set(this, _lastFailure + alarms.Clock.ToTimestampTicks(Quiet));
        }
    }

    internal override void Ring()
    {
        (int Failures, int Losses, TimeSpan Lasted) was;
        lock (_gate)
        {
            if (!_isOn || !_hasAnswered)
                return;
            _isOn = false;
            was = (_failures, _losses, alarms.Clock.Elapsed(_beganAt, _lastFailure));
        }

        Write(log, (Type: backend, Was: was), static (logger, s) =>
            Log.OutageEnds(logger, s.Type, s.Was.Failures, s.Was.Lasted.TotalSeconds, s.Was.Losses));
    }

    private static void Write<T>(ILogger log, T state, Action<ILogger, T> write) =>
        ThreadPool.UnsafeQueueUserWorkItem(static s => s.write(s.log, s.state), (log, state, write), preferLocal: false);
}
