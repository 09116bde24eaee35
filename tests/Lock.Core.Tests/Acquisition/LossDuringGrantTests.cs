using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>A loss that the store tells in the very moment of the grant.</summary>
public sealed class LossDuringGrantTests : EngineTest
{
    [Fact]
    public async Task Of_a_loss_and_a_grant_that_cross_either_the_grant_is_not_believed_or_its_lease_is_lost()
    {
        const int Rounds = 20_000;
        string id = "";
        int go = 0;
        int over = 0;
        int told = 0;
        Store.OnAcquire = (request, _, _) =>
        {
            // One loss per round: when it is not believed the contender asks again, with another id.
            if (Volatile.Read(ref told) == Volatile.Read(ref go))
            {
                Volatile.Write(ref id, request.HolderId);
                Interlocked.Increment(ref go);
            }

            return ValueTask.FromResult(AcquireReply.Granted(1));
        };
        var teller = new Thread(() =>
        {
            while (Volatile.Read(ref over) == 0)
            {
                if (Volatile.Read(ref told) == Volatile.Read(ref go))
                    continue;
                Store.Lose("k", Volatile.Read(ref id), LostReason.Removed);
                Interlocked.Increment(ref told);
            }
        });
        teller.Start();
        int missed = 0;
        for (int i = 0; i < Rounds; i++)
        {
            ILockHandle? handle = await UnlessTakenAwayAsync();
            bool told1 = SpinWait.SpinUntil(() => Volatile.Read(ref told) == Volatile.Read(ref go), Eventually.Patience);
            Assert.True(told1);
            if (handle is null)
                continue;
            if (handle.Id == id && handle.LostReason is null)
                missed++;
            await handle.DisposeAsync();
        }

        Volatile.Write(ref over, 1);
        teller.Join();
        Assert.Equal(0, missed);
    }

    /// <summary>A grant that is not believed is a fault, and no busy lock: nobody else holds it.</summary>
    private async Task<ILockHandle?> UnlessTakenAwayAsync()
    {
        try
        {
            ILockHandle? handle = await Locks.TryLockAsync("k");
            Assert.NotNull(handle);
            return handle;
        }
        catch (LockStoreException fault) when (fault.Message.Contains("taken away again", StringComparison.Ordinal))
        {
            return null;
        }
    }
}
