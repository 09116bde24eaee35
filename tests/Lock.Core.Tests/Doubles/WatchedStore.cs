using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>A store that gives notices, as the test makes them.</summary>
internal sealed class WatchedStore(ScriptedStore inner, Func<CancellationToken, ValueTask<IReleaseWatch>> watch)
    : DelegatingLockStore(inner), IReleaseSignal
{
    public override ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken) => watch(cancellationToken);
}

/// <summary>A watch whose wait and end the test writes.</summary>
internal sealed class ScriptedWatch : IReleaseWatch
{
    public Func<TimeSpan, CancellationToken, ValueTask<bool>> OnWait { get; init; } =
        static (_, token) => new Hang<bool>().UntilCancelledAsync(token);

    public Func<ValueTask> OnDispose { get; init; } = static () => ValueTask.CompletedTask;

    public bool IsDisposed { get; private set; }

    public ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken) => OnWait(atMost, cancellationToken);

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return OnDispose();
    }
}
