namespace Locking.Fuzz;

/// <summary>Takes and gives back locks of its own between the hostile lines,
/// and compares every answer with a model of who holds what.</summary>
internal sealed class HonestClient(ILockStore store, int seed)
{
    private const int Keys = 6;
    private const int Ids = 4;

    private static readonly TimeSpan s_ttl = TimeSpan.FromHours(1);

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, (string Id, long Token)> _held = [];
    private long _lastToken;

    /// <summary>Steps that were compared.</summary>
    public long Steps { get; private set; }

    /// <summary>Goes on until it is told to stop, and gives back all it holds.</summary>
    /// <exception cref="InvalidOperationException">The broker answered what the model does not.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await StepAsync($"honest/{_random.Next(Keys)}", $"H{_random.Next(Ids)}");
            Steps++;
        }

        foreach ((string key, (string Id, long Token) holder) in _held)
            Expect(StoreReply.Done, await store.TryReleaseAsync(key, holder.Id, default), "the last release", key);
        _held.Clear();
    }

    private async Task StepAsync(string key, string id)
    {
        bool isHeld = _held.TryGetValue(key, out (string Id, long Token) holder);
        StoreReply expected = !isHeld ? StoreReply.NotHeld : holder.Id == id ? StoreReply.Done : StoreReply.HeldByAnother;
        switch (_random.Next(4))
        {
            case 0:
                AcquireReply reply = await store.TryAcquireAsync(new AcquireRequest(key, id, "fuzz", s_ttl), default);
                Expect(expected != StoreReply.HeldByAnother, reply.IsGranted, "acquire", key);
                if (!reply.IsGranted)
                    return;
                long token = reply.FencingToken!.Value;
                if (isHeld ? token != holder.Token : token <= _lastToken)
                    throw new InvalidOperationException(
                        $"{key} was granted with token {token} after {(isHeld ? holder.Token : _lastToken)}.");
                _lastToken = Math.Max(_lastToken, token);
                _held[key] = (id, token);
                return;
            case 1:
                Expect(expected, await store.TryReleaseAsync(key, id, default), "release", key);
                if (expected == StoreReply.Done)
                    _held.Remove(key);
                return;
            case 2:
                Expect(expected, await store.TryExtendAsync(key, id, s_ttl, default), "extend", key);
                return;
            default:
                Expect(isHeld ? holder.Id : null, (await store.GetAsync(key, default))?.Id, "look-up", key);
                return;
        }
    }

    private static void Expect<T>(T expected, T actual, string what, string key)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new InvalidOperationException($"{what} of {key}: {actual} where the model says {expected}.");
    }
}
