namespace Locking.Torture;

/// <summary>A network between a client and its store: some requests and some answers are slow, some get lost.</summary>
/// <param name="inner">The store.</param>
/// <param name="seed">The seed of what happens.</param>
/// <param name="slow">How slow at most, each way.</param>
/// <param name="lossOneIn">One way in so many loses what it carries.</param>
/// <param name="slowOneIn">One in so many is slow.</param>
public sealed class RoughNetwork(ILockStore inner, int seed, TimeSpan slow, int lossOneIn = 20, int slowOneIn = 10) : PlainStore(inner)
{
    private readonly Random _random = new(seed);
    private volatile bool _calm;

    /// <summary>From here on it is perfect.</summary>
    public void Calm() => _calm = true;

    /// <inheritdoc/>
    public override ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        SendAsync(() => Inner.TryAcquireAsync(request, CancellationToken.None), cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        SendAsync(() => Inner.TryExtendAsync(key, holderId, ttl, CancellationToken.None), cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        SendAsync(() => Inner.TryReleaseAsync(key, holderId, CancellationToken.None), cancellationToken);

    private async ValueTask<T> SendAsync<T>(Func<ValueTask<T>> step, CancellationToken cancellationToken)
    {
        (TimeSpan? there, TimeSpan? back) = (Draw(), Draw());
        if (there is null)
            throw Lost(mayHaveBeenApplied: false);

        // What was sent arrives, also where nobody waits for it any more.
        Task<T> answer = StepAsync(step, there.Value);
        _ = answer.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        T? reply = await answer.WaitAsync(cancellationToken);
        if (back is null)
            throw Lost(mayHaveBeenApplied: true);
        await Task.Delay(back.Value, TimeProvider.System, cancellationToken);
        return reply;
    }

    private static async Task<T> StepAsync<T>(Func<ValueTask<T>> step, TimeSpan delay)
    {
        if (delay > TimeSpan.Zero)
            await Task.Delay(delay, TimeProvider.System);
        return await step();
    }

    private static LockStoreException Lost(bool mayHaveBeenApplied) =>
        new("lost on its way", isTransient: true) { MayHaveBeenApplied = mayHaveBeenApplied };

    /// <summary>How slow; null: lost.</summary>
    private TimeSpan? Draw()
    {
        lock (_random)
        {
            if (_calm)
                return TimeSpan.Zero;
            if (_random.Next(lossOneIn) == 0)
                return null;
            return _random.Next(slowOneIn) == 0 ? slow * _random.NextDouble() : TimeSpan.Zero;
        }
    }
}
