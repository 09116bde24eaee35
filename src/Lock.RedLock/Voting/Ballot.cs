namespace Locking;

/// <summary>Asks several nodes at once, and ends as soon as the answers decide, or the time is up.</summary>
/// <remarks>Slow nodes are not waited for once the outcome is certain; what they answer later is told, so that it can be put
/// right.</remarks>
internal sealed class Ballot<T>
    where T : class
{
    private readonly Lock _gate = new();

    /// <summary>Whoever waits goes on where the deciding answer came: the stores see to it that this is a pool thread with nothing else to
    /// deliver.</summary>
    private readonly TaskCompletionSource _decided = new();
    private readonly T?[] _answers;
    private readonly Exception?[] _faults;
    private readonly Func<IReadOnlyList<T?>, int, bool> _decides;
    private readonly Action<int, T>? _late;
    private int _missing;
    private bool _isOver;

    private Ballot(int nodes, Func<IReadOnlyList<T?>, int, bool> decides, Action<int, T>? late)
    {
        _late = late;
        _answers = new T?[nodes];
        _faults = new Exception?[nodes];
        _decides = decides;
        _missing = nodes;
    }

    /// <summary>The answers when the ballot ended; null where there was none.</summary>
    public T?[] Answers { get; private set; } = [];

    /// <summary>Why there was none; null where the time was up.</summary>
    public Exception?[] Faults { get; private set; } = [];

    /// <summary>Holds a ballot.</summary>
    /// <param name="asked">The requests, begun.</param>
    /// <param name="decides">Whether the answers so far decide, given how many are still missing.</param>
    /// <param name="limit">The longest wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="late">Told of each answer that comes when the ballot has ended and was counted without it.</param>
    public static async Task<Ballot<T>> HoldAsync(
        IReadOnlyList<Task<T>> asked,
        Func<IReadOnlyList<T?>, int, bool> decides,
        TimeSpan limit,
        TimeProvider time,
        CancellationToken cancellationToken,
        Action<int, T>? late = null)
    {
        var ballot = new Ballot<T>(asked.Count, decides, late);
        for (int i = 0; i < asked.Count; i++)
            _ = ballot.CountAsync(asked[i], i);
        try
        {
            await ballot._decided.Task.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Who has not answered by now counts as silent.
        }
        catch
        {
            lock (ballot._gate)
                ballot._isOver = true;
            throw;
        }

        lock (ballot._gate)
        {
            ballot._isOver = true;
            ballot.Answers = [.. ballot._answers];
            ballot.Faults = [.. ballot._faults];
        }

        return ballot;
    }

    private async Task CountAsync(Task<T> asked, int node)
    {
        T? answer = null;
        Exception? fault = null;
        try
        {
            answer = await asked.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            fault = exception;
        }

        bool decided, isOver;
        lock (_gate)
        {
            isOver = _isOver;
            _answers[node] = answer;
            _faults[node] = fault;
            _missing--;
            decided = _missing == 0 || _decides(_answers, _missing);
        }

        if (isOver && answer is not null)
            _late?.Invoke(node, answer);
        else if (decided)
            _decided.TrySetResult();
    }
}
