using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>Wants to know what becomes of a step that was left running.</summary>
internal interface ILateOutcome<T>
{
    /// <summary>Nobody awaits the step any more.</summary>
    /// <param name="step">Ends when the step does.</param>
    void OnAbandoned(Task<T> step);
}

/// <summary>A store's step under way, which is awaited no longer than a token allows, whatever the store is doing.</summary>
/// <remarks>
/// It ends once: with the step's own end, or because the token was cancelled. What a step brings after that goes to whoever wants to put it
/// right. One object does what <c>AsTask</c>, <c>WaitAsync</c> and an asynchronous method around them would do with five.
/// </remarks>
internal sealed class StoreStep<T> : IValueTaskSource<T>
{
    private readonly string _backend;
    private readonly ILateOutcome<T>? _interested;
    private readonly CancellationToken _limit;
    private readonly ConfiguredValueTaskAwaitable<T>.ConfiguredValueTaskAwaiter _step;
    private ManualResetValueTaskSourceCore<T> _result;
    private CancellationTokenRegistration _cancellation;
    private TaskCompletionSource<T>? _late;
    private int _ended;

    private StoreStep(ValueTask<T> begun, string backend, ILateOutcome<T>? interested, CancellationToken limit)
    {
        _step = begun.ConfigureAwait(false).GetAwaiter();
        _backend = backend;
        _interested = interested;
        _limit = limit;
    }

    /// <summary>Awaits a step that was begun; for the rest see <see cref="StoreCalls.AwaitAsync"/>.</summary>
    public static ValueTask<T> AwaitAsync(ValueTask<T> begun, string backend, ILateOutcome<T>? interested, CancellationToken limit)
    {
        var step = new StoreStep<T>(begun, backend, interested, limit);
        var result = new ValueTask<T>(step, step._result.Version);

        if (step._step.IsCompleted)
        {
            step.OnStepEnded();
            return result;
        }

        // In this order: the end of the step takes back the registration, and may come at once.
        if (limit.CanBeCanceled)
            step._cancellation = limit.UnsafeRegister(static step => ((StoreStep<T>)step!).GiveUp(), step);
        step._step.UnsafeOnCompleted(step.OnStepEnded);
        return result;
    }

    T IValueTaskSource<T>.GetResult(short token) => _result.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _result.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags);

    [SuppressMessage("Usage", "VSTHRD002", Justification = "Called when the step has ended.")]
    private void OnStepEnded()
    {
        var isInTime = Interlocked.CompareExchange(ref _ended, 1, 0) == 0;
        if (isInTime)
            _cancellation.Unregister();
        T result;
        try
        {
            result = _step.GetResult();
        }
        catch (Exception exception)
        {
            if (isInTime)
                _result.SetException(StoreCalls.Failure(exception, _backend, _limit));
            else
                _late?.SetException(exception);
            return;
        }

        if (isInTime)
            _result.SetResult(result);
        else
            _late?.SetResult(result);
    }

    /// <summary>The token was cancelled: the step is left running. The caller goes on elsewhere, since here runs somebody's cancellation.</summary>
    private void GiveUp()
    {
        // Before the exchange: a step that ends after it must find it.
        if (_interested is not null)
            _late = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref _ended, 2, 0) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static step => step.EndGivenUp(), this, preferLocal: false);
    }

    private void EndGivenUp()
    {
        _interested?.OnAbandoned(_late!.Task);
        _result.SetException(new OperationCanceledException(_limit));
    }
}
