using StackExchange.Redis;

namespace Locking;

/// <summary>A script whose answer one caller awaits.</summary>
/// <remarks>Where it answers 0, an alternative is done within the same limit, if there is one.</remarks>
internal sealed class ScriptRequest<T>(Func<RedisResult, T> read, IScriptAlternative? alternative) : ScriptCall
{
    // Whoever awaits it goes on over the pool: a caller that blocked where answers are delivered would hold up other requests.
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IScriptAlternative? _alternative = alternative;

    /// <summary>Its answer.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public Task<T> Answer => _done.Task;

    /// <inheritdoc/>
    protected override StoreStepCall? Instead(RedisResult answer)
    {
        if (_alternative is not { } alternative || answer is not { Resp2Type: ResultType.Integer } || (long)answer != 0)
            return null;
        _alternative = null;
        return alternative.Make();
    }

    /// <inheritdoc/>
    protected override void OnAnswer(RedisResult answer)
    {
        T value;
        try
        {
            value = read(answer);
        }
        catch (Exception exception)
        {
            _done.SetException(Wrapped(exception));
            return;
        }

        _done.SetResult(value);
    }

    /// <inheritdoc/>
    protected override void OnFault(Exception fault)
    {
        if (fault is OperationCanceledException cancelled)
            _done.SetCanceled(cancelled.CancellationToken);
        else
            _done.SetException(fault);
    }
}
