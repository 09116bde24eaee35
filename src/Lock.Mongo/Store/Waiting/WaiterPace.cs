namespace Locking;

/// <summary>When one waiter asks again: the first of the line soon, the others about when they will be the first.</summary>
/// <remarks>
/// <para>
/// A lock changes hands at a pace of its own, which a waiter sees by moving up. Where nothing has moved for longer than that, the pace is
/// taken to be as slow as that: so the first of the line asks again after an eighth of the time that it has been waiting since, and a lock
/// that is held long is asked for seldom.
/// </para>
/// <para>No pause is longer than half of a claim: who is made the holder meanwhile asks in time, also where its question takes a
/// while. Where questions come later than that, since the process has no time for them or no connection, the claim grows with what lies
/// between them.</para>
/// </remarks>
/// <param name="time">The clock.</param>
/// <param name="firstQuestion">How long the question took that found the lock held.</param>
internal sealed class WaiterPace(TimeProvider time, TimeSpan firstQuestion = default)
{
    private const int PartOfTheFirst = 8;
    private const double PartOfTheOthers = 0.75;

    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan s_longestOfTheFirst = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_longestOfTheOthers = MongoLine.ShortestClaim / 2;

    private readonly Lock _gate = new();

    /// <summary>From one holder to the next; at first a guess.</summary>
    private TimeSpan _perHolder = TimeSpan.FromMilliseconds(10);

    private int _place = int.MaxValue;
    private long _movedAt;
    private long _askedAt;
    private long _answeredAt = time.GetTimestamp();
    private TimeSpan _claim = ClaimFor(firstQuestion, betweenAnswers: TimeSpan.Zero);

    /// <summary>A question is about to be sent.</summary>
    /// <returns>The claim that this waiter needs, by how long its questions take, and by how far apart they are.</returns>
    public TimeSpan Asking()
    {
        lock (_gate)
        {
            _askedAt = time.GetTimestamp();
            return _claim;
        }
    }

    /// <summary>The pause before the next question.</summary>
    /// <param name="place">The place that the last one has shown; 0 for the first.</param>
    public TimeSpan Next(int place)
    {
        lock (_gate)
        {
            long now = time.GetTimestamp();
            _claim = ClaimFor(time.GetElapsedTime(_askedAt, now), time.GetElapsedTime(_answeredAt, now));
            _answeredAt = now;
            if (place != _place)
            {
                if (place < _place && _place != int.MaxValue)
                    _perHolder = (_perHolder + (time.GetElapsedTime(_movedAt, now) / (_place - place))) / 2;
                _place = place;
                _movedAt = now;
            }

            TimeSpan still = time.GetElapsedTime(_movedAt, now);
            TimeSpan perHolder = still > _perHolder ? still : _perHolder;
            return place == 0
                ? Within(perHolder / PartOfTheFirst, s_longestOfTheFirst)
                : Within(perHolder * (place * PartOfTheOthers), s_longestOfTheOthers);
        }
    }

    /// <summary>A pause, and several questions that take twice as long as the last one: where they take a second, nobody's turn ends while
    /// it asks. And twice what lay between the last two answers, which is more where pauses last longer than they should.</summary>
    private static TimeSpan ClaimFor(TimeSpan question, TimeSpan betweenAnswers)
    {
        TimeSpan claim = question * 8;
        if (claim < betweenAnswers * 2)
            claim = betweenAnswers * 2;
        return claim < MongoLine.ShortestClaim ? MongoLine.ShortestClaim : claim > MongoLine.Silence ? MongoLine.Silence : claim;
    }

    private static TimeSpan Within(TimeSpan pause, TimeSpan longest) => pause < s_shortest ? s_shortest : pause > longest ? longest : pause;
}
