namespace Locking.Core.Tests;

/// <summary>A step that does not end until the test says so.</summary>
internal sealed class Hang<T>
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<T> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Begun => _begun.Task;

    public void End(T result) => _end.TrySetResult(result);

    public void Fail(Exception exception) => _end.TrySetException(exception);

    /// <summary>Ends with the token, as a good store does.</summary>
    public async ValueTask<T> UntilCancelledAsync(CancellationToken cancellationToken)
    {
        _begun.TrySetResult();
        return await _end.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Does not even listen to the token.</summary>
    public async ValueTask<T> DeafAsync()
    {
        _begun.TrySetResult();
        return await _end.Task;
    }
}
