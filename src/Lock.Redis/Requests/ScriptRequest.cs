using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Locking;

/// <summary>One script on its way: sent by its hash, once more with its text where the server does not know it, read, and limited in
/// time.</summary>
/// <remarks>
/// What an asynchronous method with a time limit would do, without its timer, its token source and its hops over the pool. It ends once:
/// with the answer, a fault, the time limit, or the caller's cancellation; a later answer of the client goes nowhere.
/// </remarks>
internal sealed class ScriptRequest<T> : Alarm
{
    private readonly ScriptSender _sender;
    private readonly IConnectionMultiplexer _multiplexer;
    private readonly Func<RedisResult, T> _read;
    private readonly TaskCompletionSource<T> _done;
    private readonly Action _answered;
    private RedisScript _script;
    private RedisKey[] _keys;
    private RedisValue[] _values;
    private IScriptAlternative? _alternative;
    private CancellationTokenRegistration _cancellation;
    private Task<RedisResult>? _sent;
    private bool _asText;
    private int _ended;

    private ScriptRequest(
        ScriptSender sender,
        IConnectionMultiplexer multiplexer,
        RedisScript script,
        RedisKey[] keys,
        RedisValue[] values,
        Func<RedisResult, T> read)
    {
        _sender = sender;
        _multiplexer = multiplexer;
        _script = script;
        _keys = keys;
        _values = values;
        _read = read;
        // The client delivers its answers on one thread: a caller that went on there and blocked would hold up every other request.
        _done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _answered = OnAnswered;
    }

    /// <summary>Sends a script, and where it answers 0 the alternative, within the same limit.</summary>
    public static Task<T> Begin(
        ScriptSender sender,
        IConnectionMultiplexer multiplexer,
        RedisScript script,
        RedisKey[] keys,
        RedisValue[] values,
        Func<RedisResult, T> read,
        CancellationToken cancellationToken,
        IScriptAlternative? alternative = null)
    {
        var request = new ScriptRequest<T>(sender, multiplexer, script, keys, values, read) { _alternative = alternative };
        sender.Alarms.Set(request, sender.Alarms.Clock.TimestampIn(sender.CommandTimeout));
        if (cancellationToken.CanBeCanceled)
        {
            request._cancellation = cancellationToken.UnsafeRegister(
                static (request, token) => ((ScriptRequest<T>)request!).Cancel(token), request);
        }

        request.Send();
        return request._done.Task;
    }

    /// <summary>The time is up. It is over in this moment; what comes of it goes through the client, which needs the pool in any
    /// case.</summary>
    internal override void Ring() => EndElsewhere(new TimeoutException());

    private void Cancel(CancellationToken token) => EndElsewhere(new OperationCanceledException(token));

    private void Send()
    {
        try
        {
            IDatabase database = _multiplexer.GetDatabase(_sender.Database);
            if (_asText)
            {
                // EVAL does the step and teaches the server the script at once, so that a flush in between cannot come in the way.
                object[] arguments =
                    [_script.Text, _keys.Length, .. _keys.Select(key => (object)key), .. _values.Select(value => (object)value)];
                _sent = database.ExecuteAsync("EVAL", arguments, CommandFlags.DemandMaster);
            }
            else
            {
                _sent = database.ScriptEvaluateAsync(_script.Hash, _keys, _values, CommandFlags.DemandMaster);
            }
        }
        catch (Exception exception)
        {
            _sent = Task.FromException<RedisResult>(exception);
        }

        ConfiguredTaskAwaitable<RedisResult>.ConfiguredTaskAwaiter awaiter = _sent.ConfigureAwait(false).GetAwaiter();
        if (awaiter.IsCompleted)
            OnAnswered();
        else
            awaiter.UnsafeOnCompleted(_answered);
    }

    private void OnAnswered()
    {
        Task<RedisResult> sent = _sent!;
        if (sent.IsCompletedSuccessfully)
        {
            _sender.OnAnswer(_keys);
            if (!TryAlternative(sent.Result) && TryEnd())
                Complete(sent.Result);
            return;
        }

        Exception fault = sent.IsFaulted ? sent.Exception!.InnerException! : new TaskCanceledException(sent);
        if (!_asText && RedisFaults.IsUnknownScript(fault) && Volatile.Read(ref _ended) == 0)
        {
            _asText = true;
            Send();
        }
        else if (TryEnd())
        {
            Fail(fault);
        }
    }

    /// <summary>Sends what is to be done where the script has answered 0.</summary>
    private bool TryAlternative(RedisResult result)
    {
        if (_alternative is null || result is not { Resp2Type: ResultType.Integer } none || (long)none != 0 ||
            Volatile.Read(ref _ended) != 0)
            return false;
        (_script, _keys, _values, _) = _alternative.Make();
        _alternative = null;
        _asText = false;
        Send();
        return true;
    }

    private void Complete(RedisResult result)
    {
        T answer;
        try
        {
            answer = _read(result);
        }
        catch (Exception exception)
        {
            _done.SetException(RedisFaults.Wrap(exception, _script.Step, _sender.Server, _multiplexer));
            return;
        }

        _done.SetResult(answer);
    }

    private void Fail(Exception fault)
    {
        if (fault is OperationCanceledException cancelled)
        {
            _done.SetCanceled(cancelled.CancellationToken);
            return;
        }

        if (fault is RedisServerException)
            _sender.OnAnswer(_keys);
        else
            _sender.OnNoAnswer(_multiplexer, _keys);
        if (RedisFaults.HasLostTheMaster(fault, _multiplexer))
            _sender.Reconfigure(_multiplexer);
        if (fault is TimeoutException && _sender.IsLent && !_multiplexer.IsConnected)
            _ = FailExplainedAsync(fault);
        else
            _done.SetException(RedisFaults.Wrap(fault, _script.Step, _sender.Server, _multiplexer));
    }

    /// <summary>A lent client that is not connected keeps requests until it is, and does not say why it is not.</summary>
    private async Task FailExplainedAsync(Exception fault) =>
        _done.SetException(
            await LentFaults.ExplainAsync(_multiplexer, fault, _script.Step, _sender.Server, _sender.Time).ConfigureAwait(false));

    /// <summary>Ends it on the pool: here the alarm clock runs, or somebody's cancellation.</summary>
    private void EndElsewhere(Exception fault)
    {
        if (TryEnd())
            ThreadPool.UnsafeQueueUserWorkItem(
                static end => end.Request.Fail(end.Fault), (Request: this, Fault: fault), preferLocal: false);
    }

    private bool TryEnd()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return false;
        _sender.Alarms.Cancel(this);
        _cancellation.Unregister();
        return true;
    }
}
