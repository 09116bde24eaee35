namespace Locking.Torture;

/// <summary>What the locks protect: a number per key that is read and written again, one higher.
/// It remembers the highest token that it has seen.</summary>
public interface IResource
{
    /// <summary>Reads.</summary>
    /// <returns>The value; null: refused, the token is stale.</returns>
    ValueTask<long?> ReadAsync(string key, long? token, string attempt);

    /// <summary>Writes.</summary>
    /// <returns>False: refused, the token is stale.</returns>
    ValueTask<bool> WriteAsync(string key, long? token, string attempt, long value);
}

/// <summary>The resource itself, which writes down what it accepts and refuses. Without a token it cannot refuse.</summary>
public sealed class FencedResource(HistoryLog log) : IResource
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long Token, long Value)> _state = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public ValueTask<long?> ReadAsync(string key, long? token, string attempt) => ValueTask.FromResult(Step(key, token, attempt, null));

    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(string key, long? token, string attempt, long value) =>
        ValueTask.FromResult(Step(key, token, attempt, value) is not null);

    private long? Step(string key, long? token, string attempt, long? write)
    {
        lock (_gate)
        {
            (long highest, long value) = _state.GetValueOrDefault(key);
            bool isStale = token < highest;
            if (!isStale)
                _state[key] = (token ?? highest, value = write ?? value);
            EventKind kind = isStale ? EventKind.Stale : write is null ? EventKind.Read : EventKind.Wrote;
            log.Add(new HistoryEvent(HistoryLog.Now, "resource", kind, key, attempt, token, write ?? value));
            return isStale ? null : value;
        }
    }
}
