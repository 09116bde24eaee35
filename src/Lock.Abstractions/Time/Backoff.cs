namespace Locking;

/// <summary>Pauses that double, up to a longest one.</summary>
internal struct Backoff(TimeSpan first, TimeSpan longest)
{
    private TimeSpan _next = first < longest ? first : longest;

    /// <summary>The pause after so many before it.</summary>
    public static TimeSpan After(int pauses, TimeSpan first, TimeSpan longest)
    {
        Backoff backoff = new(first, longest);
        TimeSpan pause = backoff.Next();
        for (int i = 0; i < pauses && pause < longest; i++)
            pause = backoff.Next();
        return pause;
    }

    /// <summary>The next pause.</summary>
    public TimeSpan Next()
    {
        TimeSpan pause = _next;
        _next = pause * 2 < longest ? pause * 2 : longest;
        return pause;
    }
}
