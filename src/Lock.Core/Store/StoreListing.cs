using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>A listing, step by step: each one is held to the contract as any other call is.</summary>
internal static class StoreListing
{
    public static async IAsyncEnumerable<LockInfo> ReadAsync(
        ILockStore store, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IAsyncEnumerator<LockInfo> infos = store.ListAsync(prefix, cancellationToken).GetAsyncEnumerator(cancellationToken);
        AbandonedMove abandoned = new();
        try
        {
            while (await StoreCalls.AwaitAsync(
                static (enumerator, _) => enumerator.MoveNextAsync(), infos, store.Type, abandoned, cancellationToken)
                .ConfigureAwait(false))
            {
                yield return infos.Current;
            }
        }
        finally
        {
            if (abandoned.Step is null)
                await infos.DisposeAsync().ConfigureAwait(false);
            else
                _ = EndAsync(infos, abandoned.Step); // an enumerator must not be disposed while it moves
        }
    }

    private static async Task EndAsync(IAsyncEnumerator<LockInfo> infos, Task step)
    {
        await step.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await infos.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The step of a listing that was left running.</summary>
    private sealed class AbandonedMove : ILateOutcome<bool>
    {
        public Task? Step { get; private set; }

        public void OnAbandoned(Task<bool> step) => Step = step;
    }
}
