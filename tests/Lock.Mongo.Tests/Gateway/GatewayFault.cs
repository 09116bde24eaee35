namespace Locking;

/// <summary>What goes wrong with one command.</summary>
internal enum GatewayFault
{
    /// <summary>The connection closes before the command is carried out.</summary>
    CloseBefore,

    /// <summary>The command is carried out; the connection closes without a reply.</summary>
    LoseReply,

    /// <summary>The command is carried out; half of the reply comes, then the connection closes.</summary>
    TruncateReply,

    /// <summary>The command is carried out; the reply says that it is larger than allowed.</summary>
    OversizeReply,

    /// <summary>The command is carried out; the reply's document is no BSON.</summary>
    MalformedReply,

    /// <summary>The command is carried out; the reply answers another request.</summary>
    WrongRequestId,

    /// <summary>Refused: this is not the primary (10107).</summary>
    NotWritablePrimary,

    /// <summary>The command is carried out, then answered with "interrupted due to a change of the primary" (11602).</summary>
    InterruptedAfter,

    /// <summary>The command is carried out, but the majority did not confirm it in time (write concern error 64).</summary>
    WriteConcernTimeout,

    /// <summary>Held back before it is carried out, until <see cref="GatewayFaults.Release"/>.</summary>
    Delay,

    /// <summary>Refused with a duplicate key (11000).</summary>
    DuplicateKey,

    /// <summary>The command is carried out, but the write concern cannot be satisfied (write concern error 100).</summary>
    WriteConcernUnsatisfiable,

    /// <summary>Refused: another write was in the way (112), in the list of write errors where the command has one.</summary>
    WriteConflict,

    /// <summary>Refused: the collection's rules do not allow it (121), in the list of write errors where the command has one.</summary>
    ValidationFailure,

    /// <summary>Refused: the server does not know this way to authenticate (334).</summary>
    MechanismUnavailable,
}

/// <summary>Faults that wait for their command, each used once.</summary>
internal sealed class GatewayFaults
{
    private readonly Lock _gate = new();
    private readonly List<(string Command, GatewayFault Fault)> _waiting = [];
    private int _carried;
    private TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _delayed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Decides, command by command, where no fault waits; called by one thread at a time.</summary>
    public Func<string, GatewayFault?>? Decide { get; set; }

    /// <summary>Completes when a delayed command has arrived.</summary>
    public Task Delayed => _delayed.Task;

    /// <summary>How many delayed commands were carried out since.</summary>
    public int Carried => Volatile.Read(ref _carried);

    public void HasCarriedOut() => Interlocked.Increment(ref _carried);

    public void Inject(string command, GatewayFault fault)
    {
        lock (_gate) _waiting.Add((command, fault));
    }

    public GatewayFault? Take(string command)
    {
        lock (_gate)
        {
            int index = _waiting.FindIndex(w => w.Command == command);
            if (index < 0) return Decide?.Invoke(command);
            GatewayFault fault = _waiting[index].Fault;
            _waiting.RemoveAt(index);
            return fault;
        }
    }

    public Task HoldAsync()
    {
        // Taken first: whoever sees the command arrive may release it at once.
        Task released = _release.Task;
        _delayed.TrySetResult();
        return released;
    }

    /// <summary>Lets delayed commands go on.</summary>
    public void Release()
    {
        _release.TrySetResult();
        _release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _delayed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
