namespace Locking.Conformance;

/// <summary>What a store must answer: a dictionary.</summary>
internal sealed class StoreModel
{
    private readonly Dictionary<string, Row> _live = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _lastToken = new(StringComparer.Ordinal);

    /// <summary>A lease. It has not ended before <paramref name="Earliest"/>, and has ended after <paramref name="Latest"/>.</summary>
    public sealed record Row(string Id, string Owner, long Token, TimeSpan Earliest, TimeSpan Latest);

    public IReadOnlyDictionary<string, Row> Live => _live;

    public Row? Holder(string key) => _live.GetValueOrDefault(key);

    /// <summary>Ends what has expired by now.</summary>
    public void Expire(TimeSpan now)
    {
        foreach ((string key, Row row) in _live.ToList())
        {
            if (row.Latest <= now)
                _live.Remove(key);
        }
    }

    public bool MayAcquire(string key, string id) => Holder(key) is not { } row || row.Id == id;

    /// <returns>Whether the token must be the one before (the same holder again); otherwise it must be above the returned one.</returns>
    public (bool Same, long Token) Expected(string key) =>
        Holder(key) is { } row ? (true, row.Token) : (false, _lastToken.GetValueOrDefault(key));

    public void Acquired(string key, Row row)
    {
        _live[key] = Holder(key) is { } held ? row with { Owner = held.Owner } : row;
        _lastToken[key] = row.Token;
    }

    public StoreReply Reply(string key, string id) => Holder(key) switch
    {
        null => StoreReply.NotHeld,
        { } row when row.Id == id => StoreReply.Done,
        _ => StoreReply.HeldByAnother,
    };

    public void Extended(string key, TimeSpan earliest, TimeSpan latest) =>
        _live[key] = _live[key] with { Earliest = earliest, Latest = latest };

    public void Released(string key) => _live.Remove(key);
}
