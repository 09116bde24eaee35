namespace Locking;

/// <summary>The fencing tokens of a table: each greater than all before it.</summary>
internal sealed class TokenCounter(long seed)
{
    private long _last = seed;

    /// <summary>The last one that was given out (or the seed).</summary>
    public long Last => Volatile.Read(ref _last);

    public long Next() => Interlocked.Increment(ref _last);

    /// <summary>Makes every later token greater than <paramref name="last"/>. Never lowers it. Below 2^53.</summary>
    public void Raise(long last)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(last, 1L << 53);
        long seen = Last;
        while (seen < last)
        {
            long was = Interlocked.CompareExchange(ref _last, last, seen);
            if (was == seen)
                return;
            seen = was;
        }
    }
}
