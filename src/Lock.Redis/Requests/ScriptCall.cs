using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Locking;

/// <summary>One script on its way: sent by its hash, once more with its text where the server does not know it, and limited in
/// time.</summary>
/// <remarks>
/// What an asynchronous method with a time limit would do, without its timer, its token source and its hops over the pool. It ends once:
/// with the answer, a fault, the time limit, or the caller's cancellation; a later answer of the client goes nowhere.
/// </remarks>
internal abstract class ScriptCall : Alarm
{
    private ScriptSender _sender = null!;
    private IConnectionMultiplexer _multiplexer = null!;
    private RedisScript _script = null!;
    private RedisKey[] _keys = [];
    private RedisValue[] _values = [];
    private Action? _answered;
    private CancellationTokenRegistration _cancellation;
    private Task<RedisResult>? _sent;
    private bool _asText;
    private int _hasEnded;

    /// <summary>Told at its end, before anybody else; returns at once.</summary>
    internal Action? Ended { get; set; }

    /// <summary>Sends it. Once for each object.</summary>
    internal void Begin(
        ScriptSender sender,
        IConnectionMultiplexer multiplexer,
        RedisScript script,
        RedisKey[] keys,
        RedisValue[] values,
        CancellationToken cancellationToken)
    {
        _sender = sender;
        _multiplexer = multiplexer;
        _script = script;
        _keys = keys;
        _values = values;
        _answered = OnSentEnded;
        sender.Alarms.Set(this, sender.Alarms.Clock.TimestampIn(sender.CommandTimeout));
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (call, token) => ((ScriptCall)call!).EndElsewhere(new OperationCanceledException(token)), this);
        }

        Send();
    }

    /// <summary>It cannot be sent at all.</summary>
    internal void Refuse(Exception why)
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return;
        Ended?.Invoke();
        OnFault(why);
    }

    /// <summary>The time is up. It is over in this moment; what comes of it goes through the client, which needs the pool in any
    /// case.</summary>
    internal sealed override void Ring() => EndElsewhere(new TimeoutException());

    /// <summary>Another step that is to be done instead of this one, in view of its answer; null for none.</summary>
    protected virtual StoreStepCall? Instead(RedisResult answer) => null;

    /// <summary>It was answered. Runs on a pool thread that delivers no other answers, never within <see cref="Begin"/>.</summary>
    protected abstract void OnAnswer(RedisResult answer);

    /// <summary>It failed: with the seam's exception, or since the caller gave up.</summary>
    protected abstract void OnFault(Exception fault);

    /// <summary>The seam's exception for what went wrong with it.</summary>
    protected LockStoreException Wrapped(Exception exception) =>
        RedisFaults.Wrap(exception, _script.Step, _sender.Server, _multiplexer);

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

        // What has ended already goes on over the pool, too: whoever sends may hold a gate.
        _sent.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_answered!);
    }

    private void OnSentEnded()
    {
        Task<RedisResult> sent = _sent!;
        if (sent.IsCompletedSuccessfully)
        {
            _sender.OnAnswer(_keys);
            if (Volatile.Read(ref _hasEnded) == 0 && Instead(sent.Result) is { } instead)
            {
                (_script, _keys, _values, _) = instead;
                _asText = false;
                Send();
            }
            else if (TryEnd())
            {
                OnAnswer(sent.Result);
            }

            return;
        }

        Exception fault = sent.IsFaulted ? sent.Exception!.InnerException! : new TaskCanceledException(sent);
        if (!_asText && RedisFaults.IsUnknownScript(fault) && Volatile.Read(ref _hasEnded) == 0)
        {
            _asText = true;
            Send();
        }
        else if (TryEnd())
        {
            Fail(fault);
        }
    }

    private void Fail(Exception fault)
    {
        if (fault is OperationCanceledException)
        {
            OnFault(fault);
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
            OnFault(Wrapped(fault));
    }

    /// <summary>A lent client that is not connected keeps requests until it is, and does not say why it is not.</summary>
    private async Task FailExplainedAsync(Exception fault) => OnFault(
        await LentFaults.ExplainAsync(_multiplexer, fault, _script.Step, _sender.Server, _sender.Time).ConfigureAwait(false));

    /// <summary>Ends it on the pool: here the alarm clock runs, or somebody's cancellation.</summary>
    private void EndElsewhere(Exception fault)
    {
        if (TryEnd())
            ThreadPool.UnsafeQueueUserWorkItem(
                static end => end.Call.Fail(end.Fault), (Call: this, Fault: fault), preferLocal: false);
    }

    private bool TryEnd()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return false;
        _sender.Alarms.Cancel(this);
        _cancellation.Unregister();
        Ended?.Invoke();
        return true;
    }
}
