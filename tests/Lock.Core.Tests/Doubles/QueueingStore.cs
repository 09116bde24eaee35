using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>A store with a line of its own, whose wait the test writes.</summary>
internal sealed class QueueingStore(
    ScriptedStore inner, Func<AcquireRequest, TimeSpan, CancellationToken, ValueTask<AcquireReply>> wait)
        : DelegatingLockStore(inner), IWaitingStore
{
    public override ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken) =>
        wait(request, atMost, cancellationToken);
}
