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
internal sealed class StoreStep<T> : Alarm, IValueTaskSource<T>
{
    private const int Ended = 1;
    private const int GivenUp = 2;

    private readonly string _backend;
    private readonly ILateOutcome<T>? _interested;
    private readonly CancellationToken _cancelled;
    private readonly StepLimit _limit;
    private readonly ConfiguredValueTaskAwaitable<T>.ConfiguredValueTaskAwaiter _step;
    private ManualResetValueTaskSourceCore<T> _result;
    private CancellationTokenRegistration _cancellation;
    private TaskCompletionSource<T>? _late;
    private int _end;

    private StoreStep(ValueTask<T> begun, string backend, ILateOutcome<T>? interested, StepLimit limit, CancellationToken cancelled)
    {
        _step = begun.ConfigureAwait(false).GetAwaiter();
        _backend = backend;
        _interested = interested;
        _limit = limit;
        _cancelled = cancelled;
    }

    /// <summary>Awaits a step that was begun; for the rest see <see cref="StoreCalls.AwaitAsync"/>.</summary>
    public static ValueTask<T> AwaitAsync(ValueTask<T> begun, string backend, ILateOutcome<T>? interested, StepLimit limit, CancellationToken cancelled)
    {
        var step = new StoreStep<T>(begun, backend, interested, limit, cancelled);
        var result = new ValueTask<T>(step, step._result.Version);
        if (step._step.IsCompleted)
        {
            step.OnStepEnded();
            return result;
        }

        // In this order: the end of the step takes back the registration and the alarm, and may come at once.
        if (cancelled.CanBeCanceled)
            step._cancellation = cancelled.UnsafeRegister(static step => ((StoreStep<T>)step!).GiveUp(), step);
        limit.Alarms?.Set(step, limit.EndsAt);
        step._step.UnsafeOnCompleted(step.OnStepEnded);
        return result;
    }

    /// <summary>The time is up, or the machine was suspended and every alarm is asked to look.</summary>
    internal override void Ring()
    {
        if (_limit.IsOver)
            GiveUp();
        else
            _limit.Alarms!.Set(this, _limit.EndsAt);
    }

    T IValueTaskSource<T>.GetResult(short token) => _result.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _result.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags);

    [SuppressMessage("Usage", "VSTHRD002", Justification = "Called when the step has ended.")]
    private void OnStepEnded()
    {
        var isInTime = Interlocked.CompareExchange(ref _end, Ended, 0) == 0;
        if (isInTime)
            Forget();
        T result;
        try
        {
            result = _step.GetResult();
        }
        catch (Exception exception)
        {
            if (isInTime)
                _result.SetException(StoreCalls.Failure(exception, _backend, _cancelled));
            else
                _late?.SetException(exception);
            return;
        }

        if (isInTime)
            _result.SetResult(result);
        else
            _late?.SetResult(result);
    }

    /// <summary>The step is left running. The caller goes on elsewhere, since here runs somebody's cancellation, or the alarm clock.</summary>
    private void GiveUp()
    {
        // Before the exchange: a step that ends after it must find it.
        if (_interested is not null)
            Interlocked.CompareExchange(ref _late, new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously), null);
        if (Interlocked.CompareExchange(ref _end, GivenUp, 0) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static step => step.EndGivenUp(), this, preferLocal: false);
    }

    private void EndGivenUp()
    {
        Forget();
        _interested?.OnAbandoned(_late!.Task);
        _result.SetException(new OperationCanceledException(_cancelled));
    }

    private void Forget()
    {
        _cancellation.Unregister();
        _limit.Alarms?.Cancel(this);
    }
}
