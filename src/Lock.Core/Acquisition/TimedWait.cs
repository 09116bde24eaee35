namespace Locking;

/// <summary>What a call with a limit of time knows of its lock, for the moment at which its time is up.</summary>
internal sealed class TimedWait : IWaitProgress
{
    /// <summary>Somebody else holds the lock.</summary>
    public static readonly object IsBusy = new();

    private object? _known;
    private volatile Ending? _end;

    /// <summary>Null for nothing, <see cref="IsBusy"/>, or the failure (<see cref="LockStoreException"/>) that came last.</summary>
    public object? Known => Volatile.Read(ref _known);

    /// <summary>What the caller was told, once it was.</summary>
    public Ending? End
    {
        get => _end;
        set => _end = value;
    }

    public void Learn(object? known) => Volatile.Write(ref _known, known);

    /// <summary>The backend has said that somebody else holds the lock.</summary>
    void IWaitProgress.OnQueued() => Learn(IsBusy);

    /// <summary>The end of a call, for telemetry.</summary>
    internal sealed record Ending(string Outcome, TimeSpan Waited);
}
