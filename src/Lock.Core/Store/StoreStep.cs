using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>A store's step under way, which is awaited no longer than a token or a moment allows, whatever the store is doing.</summary>
/// <remarks>
/// It ends once: with the step's own end, or because the caller gave up. What a step brings after that goes to whoever wants to put it
/// right. One object does what <c>AsTask</c>, <c>WaitAsync</c>, a token source with a timer and an asynchronous method around them would do
/// with ten.
/// </remarks>
internal sealed class StoreStep<T> : Alarm, IValueTaskSource<T>, IThreadPoolWorkItem
{
    private readonly Task<T> _step;
    private readonly string _backend;
    private readonly ILateOutcome<T>? _interested;
    private readonly CancellationToken _cancelled;
    private readonly StepLimit _limit;
    private ManualResetValueTaskSourceCore<bool> _end;
    private CancellationTokenRegistration _cancellation;
    private int _hasEnded;

    private StoreStep(Task<T> step, string backend, ILateOutcome<T>? interested, StepLimit limit, CancellationToken cancelled)
    {
        _step = step;
        _backend = backend;
        _interested = interested;
        _limit = limit;
        _cancelled = cancelled;
    }

    /// <summary>Awaits a step that was begun; for the rest see <see cref="StoreCalls.AwaitAsync"/>.</summary>
    public static ValueTask<T> AwaitAsync(
        ValueTask<T> begun, string backend, ILateOutcome<T>? interested, StepLimit limit, CancellationToken cancelled)
    {
        // Most steps are tasks already. A task can be read twice, too, which a late outcome may need.
        var step = new StoreStep<T>(begun.AsTask(), backend, interested, limit, cancelled);
        var result = new ValueTask<T>(step, step._end.Version);
        ConfiguredTaskAwaitable<T>.ConfiguredTaskAwaiter awaiter = step._step.ConfigureAwait(false).GetAwaiter();
        if (awaiter.IsCompleted)
        {
            step.OnStepEnded();
            return result;
        }

        // In this order: the end of the step takes back the registration and the alarm, and may come at once.
        if (cancelled.CanBeCanceled)
            step._cancellation = cancelled.UnsafeRegister(static step => ((StoreStep<T>)step!).GiveUp(), step);
        limit.Alarms?.Set(step, limit.EndsAt);
        awaiter.UnsafeOnCompleted(step.OnStepEnded);
        return result;
    }

    /// <summary>The time is up. A limit that waits for the thread pool would be none.</summary>
    internal override void Ring()
    {
        if (!_limit.IsOver)
            _limit.Alarms!.Set(this, _limit.EndsAt);
        else if (Interlocked.Exchange(ref _hasEnded, 1) == 0)
            EngineThreads.Queue(this);
    }

    void IThreadPoolWorkItem.Execute() => EndOnTime.Complete(static step => step.EndGivenUp(), this);

    [SuppressMessage("Usage", "VSTHRD002", Justification = "The step has ended, or the line before throws.")]
    T IValueTaskSource<T>.GetResult(short token)
    {
        _end.GetResult(token);
        return _step.Result;
    }

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _end.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _end.OnCompleted(continuation, state, token, flags);

    private void OnStepEnded()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
        {
            _ = _step.Exception; // nobody waits for it any more
            return;
        }

        Forget();
        if (_step.IsCompletedSuccessfully)
            _end.SetResult(true);
        else
            _end.SetException(StoreCalls.Failure(
                _step.Exception?.InnerException ?? new TaskCanceledException(_step), _backend, _cancelled));
    }

    /// <summary>The step is left running. The caller goes on elsewhere, since here runs somebody's cancellation.</summary>
    private void GiveUp()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static step => step.EndGivenUp(), this, preferLocal: false);
    }

    private void EndGivenUp()
    {
        Forget();
        _interested?.OnAbandoned(_step);
        _end.SetException(new OperationCanceledException(_cancelled));
    }

    private void Forget()
    {
        _cancellation.Unregister();
        _limit.Alarms?.Cancel(this);
    }
}
