namespace Locking;

/// <summary>A ballot on tasks, for steps outside the common path.</summary>
internal sealed class TaskBallot<T> : Ballot<T>
    where T : class
{
    private readonly Func<T?[], int, bool> _decides;
    private readonly Action<int, T>? _late;

    private TaskBallot(int nodes, Func<T?[], int, bool> decides, Action<int, T>? late)
        : base(nodes) => (_decides, _late) = (decides, late);

    /// <summary>Holds a ballot.</summary>
    /// <param name="asked">The requests, begun.</param>
    /// <param name="decides">Whether the answers so far decide, given how many are still missing.</param>
    /// <param name="limit">The longest wait.</param>
    /// <param name="alarms">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="late">Told of each answer that comes when the ballot has ended and was counted without it.</param>
    public static async Task<Ballot<T>> HoldAsync(
        IReadOnlyList<Task<T>> asked,
        Func<T?[], int, bool> decides,
        TimeSpan limit,
        AlarmClock alarms,
        CancellationToken cancellationToken,
        Action<int, T>? late = null)
    {
        var ballot = new TaskBallot<T>(asked.Count, decides, late);
        ballot.Limit(limit, alarms, cancellationToken);
        for (int i = 0; i < asked.Count; i++)
            _ = ballot.CountAsync(asked[i], i);
        await ballot.End.ConfigureAwait(false);
        return ballot;
    }

    /// <inheritdoc/>
    protected override bool IsDecided(T?[] answers, int missing) => _decides(answers, missing);

    /// <inheritdoc/>
    protected override void OnLate(int place, T answer) => _late?.Invoke(place, answer);

    private async Task CountAsync(Task<T> asked, int place)
    {
        T answer;
        try
        {
            answer = await asked.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Fail(place, exception, isShared: false);
            return;
        }

        Answer(place, answer, isShared: false);
    }
}
