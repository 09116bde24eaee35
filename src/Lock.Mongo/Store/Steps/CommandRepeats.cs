namespace Locking;

/// <summary>How often one command is sent again. Made when it has failed for the first time.</summary>
/// <remarks>
/// What did not run for want of a server that takes writes is sent again for as long as such a server is looked for. Everything else that
/// may pass, whether it ran or was refused, is sent again at once and at most twice: over the seconds that follow the engine repeats.
/// </remarks>
/// <param name="time">The clock.</param>
/// <param name="search">How long a server is looked for; zero: not at all; infinite is allowed.</param>
/// <param name="sentAt">When the command was sent for the first time.</param>
internal sealed class CommandRepeats(TimeProvider time, TimeSpan search, long sentAt)
{
    private const int Most = 2;

    /// <summary>Before the third try of a search and each that follows: a server that calls itself primary and refuses writes is not to be
    /// asked without end.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private long _searchingSince = sentAt;
    private int _tries;
    private int _repeats;

    /// <summary>The pause before the command is sent again, which may be none.</summary>
    public TimeSpan Pause => _tries > 1 ? s_pause : TimeSpan.Zero;

    /// <summary>Whether the command may be sent once more.</summary>
    /// <param name="failure">What came of it.</param>
    /// <param name="foundNoServer">It did not run, since it met no server that takes writes.</param>
    public bool Allow(LockStoreException failure, bool foundNoServer)
    {
        if (!failure.IsTransient) return false;
        if (foundNoServer)
        {
            _tries++;
            return search == Timeout.InfiniteTimeSpan || time.GetElapsedTime(_searchingSince) < search;
        }

        // A server was there: when it is gone after that, another search begins.
        _searchingSince = time.GetTimestamp();
        _tries = 0;
        return _repeats++ < Most;
    }
}
