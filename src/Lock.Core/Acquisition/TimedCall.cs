using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>A call that wants a lock and may wait no longer than it was told, whatever the store, the thread pool or the callers before it
/// are doing.</summary>
/// <remarks>
/// Ends once: with what the contender brings, or, when its time is up, with what is known then. A contender whose call has ended goes on by
/// itself until nothing is left to resolve; a grant that it brings after that is given back.
/// </remarks>
internal sealed class TimedCall : Alarm, IThreadPoolWorkItem
{
    /// <summary>For the answer to a look that is under way when the time is up.</summary>
    internal static readonly TimeSpan LastWord = TimeSpan.FromMilliseconds(20);

    /// <summary>A wait that is shorter than the way to the backend and back would never learn anything: the first answer has this
    /// long.</summary>
    internal static readonly TimeSpan FirstAnswer = TimeSpan.FromMilliseconds(50);

    private readonly AlarmClock _alarms;
    private readonly Contender _contender;
    private readonly Task<ILockHandle?> _run;
    private readonly TaskCompletionSource<ILockHandle?> _end = new();
    private readonly long _endsAt;
    private int _hasEnded;

    private TimedCall(AlarmClock alarms, Contender contender, Task<ILockHandle?> run, TimeSpan limit)
    {
        _alarms = alarms;
        _contender = contender;
        _run = run;
        _endsAt = contender.StartedAt + alarms.Clock.ToTimestampTicks(limit);
    }

    /// <summary>Awaits a contender that runs, within its limit.</summary>
    public static Task<ILockHandle?> AwaitAsync(AlarmClock alarms, Contender contender, Task<ILockHandle?> run, TimeSpan limit)
    {
        limit = limit + LastWord < FirstAnswer ? FirstAnswer : limit + LastWord;
        var call = new TimedCall(alarms, contender, run, limit);
        alarms.Set(call, call._endsAt);
        run.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(call.OnRunEnded);
        return call._end.Task;
    }

    internal override void Ring()
    {
        if (_alarms.Clock.Now < _endsAt)
            _alarms.Set(this, _endsAt);
        else if (Interlocked.Exchange(ref _hasEnded, 1) == 0)
            EngineThreads.Queue(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        Exception? end = _contender.GiveUp();
        EndOnTime.Complete(
            static s =>
            {
                if (s.End is null)
                    s._end.SetResult(null);
                else
                    s._end.SetException(s.End);
            },
            (_end, End: end));
    }

    [SuppressMessage("Usage", "VSTHRD002", Justification = "The run has ended.")]
    private void OnRunEnded()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) == 0)
        {
            _alarms.Cancel(this);
            _end.SetFromTask(_run);
            return;
        }

        if (_run.IsCompletedSuccessfully)
            GiveBack(_run.Result);
        else
            _ = _run.Exception;
    }

    private static void GiveBack(ILockHandle? late)
    {
        if (late is not null)
            StoreCalls.Observe(late.DisposeAsync().AsTask());
    }
}
