namespace Locking;

/// <summary>The time limit of one step, whatever runs the commands, and one place where malformed replies become store failures.</summary>
internal sealed class StepLimit : IDisposable
{
    private readonly TimeSpan _limit;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _timeout;
    private readonly CancellationTokenSource _both;

    public StepLimit(MongoStoreSettings settings, TimeProvider time, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _limit = settings.StepTimeout;
        _caller = cancellationToken;
        _timeout = new CancellationTokenSource(_limit, time);
        _both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _timeout.Token);
    }

    /// <summary>Runs the step.</summary>
    /// <exception cref="LockStoreException">No answer within the limit, or one that cannot be understood.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async ValueTask<T> RunAsync<T>(Func<CancellationToken, ValueTask<T>> step)
    {
        try
        {
            return await step(_both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            _caller.ThrowIfCancellationRequested();
            throw MongoFailure.Create(
                $"MongoDB did not answer within connectTimeout and commandTimeout together ({_limit.TotalMilliseconds:0} ms).", isTransient: true, mayHaveRun: true, e);
        }
        catch (MongoCommandException e)
        {
            throw MongoFailure.Create($"MongoDB refused: {e.Message} (code {e.Code}).", isTransient: false, mayHaveRun: false, e);
        }
        catch (BsonFormatException e)
        {
            throw MongoFailure.Create($"MongoDB's reply cannot be understood: {e.Message}", isTransient: true, mayHaveRun: true, e);
        }
    }

    public void Dispose()
    {
        _both.Dispose();
        _timeout.Dispose();
    }
}
