namespace Locking;

/// <content>A key is taken away from those who hold it.</content>
internal sealed partial class LockTable
{
    /// <summary>Takes the key away from all its holders (they hear <see cref="Claim.OnForced"/>) and grants the next waiters.</summary>
    /// <param name="key">The key.</param>
    /// <param name="notices">The notices of the holders, then those of the new holders.</param>
    /// <returns>How many holders there were.</returns>
    public int Force(string key, out ClaimNotices notices)
    {
        notices = default;
        long now = Clock.Now;
        int hash = HashOf(key);
        Stripe stripe = _stripes.Of(hash);
        int forced = -1;
        while (true)
        {
            Claim? ended = null;
            stripe.Gate.Enter();
            KeyEntry? entry = stripe.Find(key, hash);
            if (entry is not null)
            {
                // Once: those granted while the first were told of it are not meant.
                if (forced < 0)
                    forced = _steps.ForceUnsynchronized(entry, now);
                ended = _steps.SettleUnsynchronized(stripe, entry, now, ref notices);
                if (ended is null)
                    KeySteps.RemoveIfIdleUnsynchronized(stripe, entry);
            }

            stripe.AssertInvariants(null);
            stripe.Leave();
            if (ended is null)
                return Math.Max(0, forced);
            ended.AnnounceEnd();
        }
    }

    /// <inheritdoc cref="Force(string, out ClaimNotices)"/>
    public int Force(string key)
    {
        int count = Force(key, out ClaimNotices notices);
        notices.Deliver();
        return count;
    }
}
