using MongoDB.Bson;

namespace Locking;

/// <summary>One step: sends its commands, repeats what failed in a way that may pass, and knows what may have become of them.</summary>
/// <remarks>The one place of this backend that repeats a command (<see cref="CommandRepeats"/>). Every command is made for that: it does no
/// harm when it is carried out twice, or late.</remarks>
internal sealed class MongoStep : IDisposable
{
    private readonly IMongoCommandRunner _runner;
    private readonly MongoStoreSettings _settings;
    private readonly StepQueue _queue;
    private readonly TimeProvider _time;
    private readonly CancellationToken _caller;
    private readonly CallLimit _limit;
    private bool _isSending;
    private bool _hasChanged;
    private LockStoreException? _last;

    /// <summary>Begins a step, and its time limit.</summary>
    /// <param name="runner">Where commands go.</param>
    /// <param name="settings">Where the locks are, and the limits.</param>
    /// <param name="queue">Told of every answer.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public MongoStep(IMongoCommandRunner runner, MongoStoreSettings settings, StepQueue queue, TimeProvider time,
        CancellationToken cancellationToken)
    {
        _runner = runner;
        _settings = settings;
        _queue = queue;
        _time = time;
        _caller = cancellationToken;
        _limit = new CallLimit(settings.StepTimeout, time, cancellationToken);
    }

    /// <summary>Cancelled when the time is up or the caller gives up.</summary>
    public CancellationToken Token => _limit.Token;

    /// <summary>A command of the step was carried out: if the next one fails, the step is half done.</summary>
    public void Changed() => _hasChanged = true;

    /// <summary>A step within this one, and within its limit: what comes of that one's commands is nothing that this one has
    /// done.</summary>
    public MongoStep Within() => new(_runner, _settings, _queue, _time, Token);

    /// <summary>Sends a command for the collection until it is answered, or may not be repeated any more.</summary>
    /// <param name="command">The command.</param>
    /// <param name="what">What it is for, for messages.</param>
    /// <param name="key">The key that it is for, if any.</param>
    /// <returns>The reply, and whether an earlier try may have been carried out.</returns>
    /// <exception cref="MongoRefusedException">Refused in a way that the caller deals with.</exception>
    /// <exception cref="LockStoreException">Refused otherwise, or no answer.</exception>
    public ValueTask<(BsonDocument Reply, bool Repeated)> SendAsync(BsonDocument command, string what, string? key = null) =>
        SendAsync(_settings.Database, command, what, key);

    /// <summary>Sends a command for a database until it is answered; a refusal is an answer.</summary>
    /// <exception cref="LockStoreException">No answer.</exception>
    public async ValueTask<BsonDocument> AskAsync(string database, BsonDocument command) =>
        (await SendAsync(database, command, what: null, key: null).ConfigureAwait(false)).Reply;

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
            throw TimeIsUp(exception);
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

    private async ValueTask<(BsonDocument Reply, bool Repeated)> SendAsync(string database, BsonDocument command, string? what, string? key)
    {
        long sentAt = _time.GetTimestamp();
        CommandRepeats? repeats = null;
        bool mayHaveRun = false;
        while (true)
        {
            BsonDocument? reply = null;
            try
            {
                reply = await SendOnceAsync(database, command).ConfigureAwait(false);
                if (what is not null) MongoFaults.ThrowIfFailed(reply, what, key);
                return (reply, mayHaveRun);
            }
            catch (LockStoreException exception)
            {
                repeats ??= new CommandRepeats(_time, _settings.Target?.SelectionTimeout ?? TimeSpan.Zero, sentAt);
                if (!repeats.Allow(exception, FoundNoServer(exception, reply))) throw;
                mayHaveRun |= exception.MayHaveBeenApplied;
                _hasChanged |= exception.MayHaveBeenApplied;
                _isSending = false;
                _last = exception;
            }

            if (repeats.Pause > TimeSpan.Zero)
                await Task.Delay(repeats.Pause, _time, Token).ConfigureAwait(false);
        }
    }

    private async ValueTask<BsonDocument> SendOnceAsync(string database, BsonDocument command)
    {
        _isSending = true;
        BsonDocument reply = await _runner.RunAsync(database, command, Token).ConfigureAwait(false);
        _isSending = false;
        _queue.Answered();
        return reply;
    }

    /// <summary>A failure without a reply is one of a command that was not sent, or one of unknown effect.</summary>
    private static bool FoundNoServer(LockStoreException failure, BsonDocument? reply) =>
        reply is null ? !failure.MayHaveBeenApplied : MongoReply.Parse(reply).IsRefusedBeforeRunning;

    private LockStoreException TimeIsUp(OperationCanceledException exception)
    {
        string servers = _settings.Target is { Hosts.Count: > 0 } target ? $" ({target})" : "";
        string why = _last is null ? "" : $" The last problem was: {_last.Message}";
        bool wasSent = exception is CommandCanceledException canceled ? canceled.WasSent : _isSending;
        return MongoFailure.Create(
            $"MongoDB{servers} did not answer within connectTimeout and commandTimeout together "
                + $"({_settings.StepTimeout.TotalMilliseconds:0} ms).{why}",
            isTransient: true, mayHaveRun: wasSent || _hasChanged, _last ?? (Exception)exception);
    }
}
