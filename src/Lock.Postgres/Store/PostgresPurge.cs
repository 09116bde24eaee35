namespace Locking;

/// <summary>Removes the rows of idle keys now and then, in the background: what goes wrong there is tried again by the next one.</summary>
internal sealed class PostgresPurge(PostgresSession session, PostgresStoreSettings settings, TimeProvider time) : IAsyncDisposable
{
    /// <summary>One grant in so many may purge: processes that live for one lock do it too, but not all of them.</summary>
    private const int Share = 16;

    private const long Never = long.MinValue;

    private readonly CancellationTokenSource _end = new();
    private readonly string _statement = new PostgresStatements(settings.Table, settings.FenceRetention).Purge;
    private long _lastAt = Never;
    private Task _running = Task.CompletedTask;

    /// <summary>A lock was granted. Tokens are microseconds: their last digits are chance.</summary>
    public void Granted(long token)
    {
        long last = Interlocked.Read(ref _lastAt);
        if (token % Share != 0 || (last != Never && time.GetElapsedTime(last) < settings.FenceRetention / 4))
            return;
        if (Interlocked.CompareExchange(ref _lastAt, time.GetTimestamp(), last) == last)
            _running = DetachedFlow.Start(() => Task.Run(RunAsync));
    }

    /// <summary>Purges now.</summary>
    public async Task RunAsync()
    {
        try
        {
            await session.RunAsync(_statement, static _ => 0, _end.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is LockStoreException or OperationCanceledException or ObjectDisposedException)
        {
            // The rows stay until the next one.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
    }
}
