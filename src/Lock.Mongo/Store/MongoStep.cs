namespace Locking;

/// <summary>One step: what is known of its commands, and one place where malformed replies become store failures.</summary>
internal sealed class MongoStep : IDisposable
{
    private readonly MongoStoreSettings _settings;
    private readonly CancellationToken _caller;
    private readonly CallLimit _limit;
    private bool _isSending;
    private bool _hasChanged;
    private LockStoreException? _last;

    public MongoStep(MongoStoreSettings settings, TimeProvider time, CancellationToken cancellationToken)
    {
        _settings = settings;
        _caller = cancellationToken;
        _limit = new CallLimit(settings.StepTimeout, time, cancellationToken);
    }

    /// <summary>Cancelled when the time is up or the caller gives up.</summary>
    public CancellationToken Token => _limit.Token;

    /// <summary>A command of the step is about to be sent: what becomes of it is not known from here on.</summary>
    public void Sending() => _isSending = true;

    public void Answered() => _isSending = false;

    /// <summary>A command of the step was carried out: if the next one fails, the step is half done.</summary>
    public void Changed() => _hasChanged = true;

    /// <summary>A command failed and will be repeated.</summary>
    public void Failed(LockStoreException failure)
    {
        _isSending = false;
        _hasChanged |= failure.MayHaveBeenApplied;
        _last = failure;
    }

    /// <summary>Runs the step.</summary>
    /// <remarks>A failure of its last command says that the step may have been applied also when only an earlier command may have
    /// been.</remarks>
    /// <exception cref="LockStoreException">No answer within the limit, or one that cannot be understood.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async ValueTask<T> RunAsync<T>(Func<MongoStep, ValueTask<T>> step)
    {
        try
        {
            return await step(this).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            _caller.ThrowIfCancellationRequested();
            string servers = _settings.Target is { Hosts.Count: > 0 } target ? $" ({target})" : "";
            string why = _last is null ? "" : $" The last problem was: {_last.Message}";
            throw MongoFailure.Create(
                $"MongoDB{servers} did not answer within connectTimeout and commandTimeout together "
                    + $"({_settings.StepTimeout.TotalMilliseconds:0} ms).{why}",
                isTransient: true,
                    mayHaveRun: (exception is CommandCanceledException canceled ? canceled.WasSent : _isSending) || _hasChanged,
                    _last ?? (Exception)exception);
        }
        catch (LockStoreException exception) when (_hasChanged && !exception.MayHaveBeenApplied)
        {
            throw MongoFailure.Create(exception.Message, exception.IsTransient, mayHaveRun: true, exception);
        }
        catch (MongoRefusedException exception)
        {
            throw MongoFailure.Create($"MongoDB refused: {exception.Message} (code {exception.Code}).", isTransient: false,
                mayHaveRun: _hasChanged, exception);
        }
        catch (Exception exception) when (exception is FormatException or InvalidCastException)
        {
            throw MongoFailure.Create($"MongoDB's reply cannot be understood: {exception.Message}", isTransient: true, mayHaveRun: true,
                exception);
        }
    }

    public void Dispose() => _limit.Dispose();
}
