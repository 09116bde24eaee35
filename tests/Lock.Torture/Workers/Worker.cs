namespace Locking.Torture;

/// <summary>Tasks that take turns at the keys, do something under the lock, and write down what happens.</summary>
public sealed class Worker(WorkerOptions options, ITortureClient client, HistoryLog log, IResource resource, Watchdog watchdog)
{
    private readonly CancellationTokenSource _stop = new();
    private int _attempts;
    private int _turns;
    private volatile bool _calm;

    /// <summary>From here on the tasks ask for each key in turn, wait for as long as it takes, and hold no longer than they need.</summary>
    public void Calm() => _calm = true;

    /// <summary>How many turns were begun since the calm.</summary>
    public int CalmTurns => Volatile.Read(ref _turns);

    /// <summary>No more turns; those under way end.</summary>
    public void Stop() => _stop.Cancel();

    /// <summary>Takes turns until it is told to stop.</summary>
    public async Task RunAsync()
    {
        log.Add(new HistoryEvent(HistoryLog.Now, options.Process, EventKind.Started));
        await Task.WhenAll(Enumerable.Range(0, options.Tasks)
            .Select(task => Task.Run(() => TurnsAsync(new Random((options.Seed * 1000) + task), task))));
    }

    private async Task TurnsAsync(Random random, int task)
    {
        for (int turn = task; !_stop.IsCancellationRequested; turn++)
        {
            bool isCalm = _calm;
            string key = $"torture/{(isCalm ? turn % options.Keys : random.Next(options.Keys))}";
            try
            {
                await TurnAsync(key, random, isCalm);
                if (isCalm)
                    Interlocked.Increment(ref _turns);
            }
            catch (Exception problem)
            {
                Tell(EventKind.Broken, key, "", text: $"{problem.GetType().Name}: {problem.Message}");
            }

            if (options.Rest > TimeSpan.Zero || isCalm)
                await DelayAsync(isCalm ? TimeSpan.FromMilliseconds(5) : options.Rest * random.NextDouble());
        }
    }

    private async Task TurnAsync(string key, Random random, bool isCalm)
    {
        string attempt = $"{options.Process}.{options.Instance}.{Interlocked.Increment(ref _attempts)}";
        bool renews = !client.CanLetExpire || options.Habit == Habit.HoldLong || (random.Next(2) == 0 && options.Habit == Habit.Mixed);
        TimeSpan wait = isCalm
            ? Timeout.InfiniteTimeSpan
            : random.Next(6) switch { 0 => TimeSpan.Zero, 1 => options.Ttl * random.NextDouble(), _ => Timeout.InfiniteTimeSpan };
        ITortureHold? hold = await AskAsync(key, attempt, renews, wait);
        if (hold is null)
            return;
        await HoldAsync(key, attempt, hold, renews, random, isCalm);
        watchdog.Remove(attempt);
        Tell(EventKind.Releasing, key, attempt);
        Tell(EventKind.Released, key, attempt, text: await hold.ReleaseAsync());
    }

    private async Task<ITortureHold?> AskAsync(string key, string attempt, bool renews, TimeSpan wait)
    {
        Tell(EventKind.Asked, key, attempt, number: wait < TimeSpan.Zero ? -1 : wait.Ticks, text: renews ? "renew" : "");
        try
        {
            ITortureHold? hold = await client.TakeAsync(key, options.Ttl, wait, renews, _stop.Token);
            long now = HistoryLog.Now;
            if (hold is null)
            {
                Tell(EventKind.Refused, key, attempt);
                return null;
            }

            // A process that stood still before it could look holds nothing that it may rely on.
            TimeSpan? left = hold.Remaining;
            if (left == TimeSpan.Zero || hold.IsLost)
            {
                await hold.ReleaseAsync();
                Tell(EventKind.Failed, key, attempt, text: "over before it was seen");
                return null;
            }

            watchdog.Add(options.Process, key, attempt, hold);
            log.Add(new HistoryEvent(now, options.Process, EventKind.Granted, key, attempt, hold.Token, Due(hold, renews)));
            return hold;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            Tell(EventKind.Cancelled, key, attempt);
        }
        catch (LockStoreException problem)
        {
            Tell(EventKind.Failed, key, attempt, text: problem.Message);
            await DelayAsync(TimeSpan.FromMilliseconds(20));
        }

        return null;
    }

    private async Task HoldAsync(string key, string attempt, ITortureHold hold, bool renews, Random random, bool isCalm)
    {
        // Without a token the resource cannot refuse: beside clients that have one it is theirs alone.
        long? value = random.Next(2) == 0 && hold.Token is not null ? await resource.ReadAsync(key, hold.Token, attempt) : null;
        switch (isCalm ? 0 : options.Habit == Habit.Mixed ? random.Next(options.Variety) : options.Habit == Habit.Overstay ? 3 : 5)
        {
            case 0 or 1:
                await DelayAsync(options.Ttl * 0.05 * random.NextDouble());
                break;
            case 2:
                await DelayAsync(options.Ttl * 0.7 * random.NextDouble());
                break;
            case 3:
                await DelayAsync(options.Ttl * (1 + (0.5 * random.NextDouble())));
                break;
            case 4:
                await ExtendAsync(key, attempt, hold, renews, options.Ttl * (0.5 + random.NextDouble()));
                await DelayAsync(options.Ttl * 0.8 * random.NextDouble());
                break;
            case 5:
                await DelayAsync(
                    options.Ttl * (renews
                        ? (options.Habit == Habit.HoldLong ? 5 : 2) * random.NextDouble()
                        : 0.7 + (0.3 * random.NextDouble())));
                break;
        }

        if (value is { } read)
            await resource.WriteAsync(key, hold.Token, attempt, read + 1);
    }

    private async Task ExtendAsync(string key, string attempt, ITortureHold hold, bool renews, TimeSpan ttl)
    {
        try
        {
            if (await hold.ExtendAsync(ttl) == true)
                Tell(EventKind.Extended, key, attempt, number: Due(hold, renews));
        }
        catch (LockStoreException)
        {
            // The old validity stands, or the new one: it is looked at again.
            Tell(EventKind.Extended, key, attempt, number: Due(hold, renews));
        }
    }

    /// <summary>When the loss must be announced, as the handle says: looked at after the clock, so that it is not too early.</summary>
    private static long Due(ITortureHold hold, bool renews)
    {
        TimeSpan? left = hold.Remaining;
        return renews || left is null ? long.MaxValue : HistoryLog.Now + left.Value.Ticks;
    }

    private async Task DelayAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, TimeProvider.System, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The turn ends.
        }
    }

    private void Tell(EventKind kind, string key, string attempt, long number = 0, string text = "") =>
        log.Add(new HistoryEvent(HistoryLog.Now, options.Process, kind, key, attempt, null, number, text));
}
